package data

func (s *Splits) Fingerprint() (string, error) { return s.Name, nil }

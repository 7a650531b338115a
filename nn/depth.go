package nn

import (
	"slices"
	"strconv"
	"strings"
)

// Depths says how deep each of [Network.Params] lies, by the numbers of blocks in names as published
// networks have them: 0 before the first block, then the number of its block, and most, one more than there
// are blocks, for the head. What lies behind the last block but is not of the head is of that block, as timm
// has it. Most is 0 of a network whose names have no numbers of blocks.
func (m *Model) Depths() (depths []int, most int) {
	blocks, number := m.blocks(), map[string]int{}
	head := m.inHead(blocks)
	depths = make([]int, len(m.Params))
	for i, p := range m.Params {
		if b := blocks[i]; b != "" && !head(p.Name) {
			if number[b] == 0 {
				number[b] = len(number) + 1
			}
			depths[i] = number[b]
		}
	}
	last := len(number)
	if last == 0 {
		return nil, 0
	}
	begun := false
	for i, p := range m.Params {
		switch {
		case head(p.Name):
			depths[i] = last + 1
		case depths[i] > 0:
			begun = true
		case isAdapter(p.Name): // of a layer that is in no block
			depths[i] = depths[m.adapted(p.Name)]
		case begun:
			depths[i] = last
		}
	}
	return depths, last + 1
}

// adapted is the place of the weight that an adapter is of.
func (m *Model) adapted(adapter string) int {
	weight := adapter[:strings.Index(adapter, ".lora_")] + ".weight"
	return slices.IndexFunc(m.Params, func(p *Param) bool { return p.Name == weight })
}

// inHead tells which names are of the head: of its layer, of what that is a part of, as head of head.fc, if
// this has no blocks, or of a layer that is called like it, as pre_classifier beside classifier.
func (m *Model) inHead(blocks []string) func(name string) bool {
	var names []string
	for _, p := range m.Head() {
		names = append(names, p.Name)
	}
	part := ""
	if len(names) > 0 && strings.Count(names[0], ".") > 1 {
		part = names[0][:strings.IndexByte(names[0], '.')+1]
	}
	for i, p := range m.Params {
		if part != "" && strings.HasPrefix(p.Name, part) && blocks[i] != "" && !slices.Contains(names, p.Name) {
			part = ""
		}
	}
	for i, p := range m.Params {
		if blocks[i] == "" && !isAdapter(p.Name) && slices.ContainsFunc(names, func(head string) bool { return strings.HasSuffix(p.Name, "_"+head) }) {
			names = append(names, p.Name)
		}
	}
	return func(name string) bool {
		return slices.Contains(names, name) || part != "" && strings.HasPrefix(name, part)
	}
}

// blocks are those that the parameters are in, "" for none. What is in a stage of blocks, but in none of them, is
// in the first of them.
func (m *Model) blocks() []string {
	list := make([]string, len(m.Params))
	first := map[string]string{} // of a stage
	for i, p := range m.Params {
		list[i] = blockIn(p.Name)
		if at := strings.LastIndexByte(list[i], '.'); at >= 0 {
			stage := list[i][:max(0, strings.LastIndexByte(list[i][:at], '.'))]
			if _, known := first[stage]; !known {
				first[stage] = list[i]
			}
		}
	}
	for i, b := range list {
		if f, stage := first[b]; stage && b != "" {
			list[i] = f
		}
	}
	return list
}

// blockIn is what a name begins with as far as numbers of blocks go: to its first number, as blocks.0 or
// encoder_layer_0, and from there on as long as numbers follow, or numbers of the blocks or layers of a stage. A
// stem has none.
func blockIn(name string) string {
	parts := strings.Split(name, ".")
	end := slices.IndexFunc(parts, isNumbered) + 1
	if end == 0 || strings.Contains(strings.Join(parts[:end], "."), "stem") {
		return ""
	}
	for end < len(parts) {
		switch {
		case isNumber(parts[end]):
			end++
		case (parts[end] == "blocks" || parts[end] == "layers") && end+1 < len(parts) && isNumber(parts[end+1]):
			end += 2
		default:
			return strings.Join(parts[:end], ".")
		}
	}
	return "" // a list of parameters
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 31)
	return err == nil
}

// isNumbered reports whether a part of a name is a number, or ends with one behind an underscore. Names that
// exporters of ONNX number (onnx::Conv_12) say nothing of blocks.
func isNumbered(s string) bool {
	return isNumber(s[strings.LastIndexByte(s, '_')+1:]) && !strings.Contains(s, "::")
}

// IsWeight reports whether a parameter is the weight of a matrix, a kernel or a table: no bias, and nothing of one dimension
// as norms have.
func (p *Param) IsWeight() bool {
	return len(p.TorchShape()) > 1 && !strings.HasSuffix(p.Name, ".bias")
}

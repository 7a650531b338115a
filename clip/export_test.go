package clip

var ParseOpenCLIP = parseOpenCLIP

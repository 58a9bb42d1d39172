module throughline.dev/examples/shop

go 1.26.0

require throughline.dev/kits/go v0.0.0

replace throughline.dev/kits/go => ../../../kits/go

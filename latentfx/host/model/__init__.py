"""An ONNX file read strictly into records, and written anew from them."""

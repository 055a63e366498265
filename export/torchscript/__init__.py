"""From a file for nn~ to a plugin of torch whose state has names, and from there to an `.onnx` file."""

"""Models of Hugging Face's transformers: built from a config, traced through the library's own interfaces."""

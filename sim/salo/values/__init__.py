"""A layer in values: quantized tensors through the array, beside float64 attention."""

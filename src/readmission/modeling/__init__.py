"""What needs scikit-learn, LightGBM, ONNX or matplotlib: candidates, their fit, evaluation, export and plots."""

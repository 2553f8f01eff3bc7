"""Code that needs scikit-learn, LightGBM, ONNX or matplotlib: candidates, fit, evaluation, export and plots."""

"""DoctorGLM: a Chinese doctor-dialogue model, tuned, proved against its base, and served."""

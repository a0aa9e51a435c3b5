"""DoctorGLM: a Chinese doctor-dialogue model, tuned, proved against its base, and served."""

import os

# numpy's products here are small: on a busy machine a second thread makes them a hundred times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

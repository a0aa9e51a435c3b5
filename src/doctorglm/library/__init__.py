"""The prompt designer: documents -> an index -> evidence that is numbered, cited and checked, or an honest no.

Source: DoctorGLM, arXiv 2304.01097, section 2.4, whose designer forces one disease on every question; what is different
here, and why, stands in docs/library.md. `library.stage` builds one; it and its importers are not loaded to search.
"""

from doctorglm.library.hit import Hit
from doctorglm.library.search import Found, Library

__all__ = ["Found", "Hit", "Library"]

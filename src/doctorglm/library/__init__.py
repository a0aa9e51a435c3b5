"""The prompt designer: documents -> an index -> evidence that is numbered, cited and checked, or an honest no.

Source: DoctorGLM, arXiv 2304.01097, section 2.4, whose designer forces one disease on every question; what is different
here, and why, stands in docs/library.md.
"""

from doctorglm.library.hit import Hit
from doctorglm.library.search import Found, Library
from doctorglm.library.settings import LibrarySettings
from doctorglm.library.stage import build_library

__all__ = ["Found", "Hit", "Library", "LibrarySettings", "build_library"]

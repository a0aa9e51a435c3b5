"""Corpora to clean conversations: read strictly, rejected with reasons, split so that no near-duplicate crosses."""

from doctorglm.curate.documents import Document, read_documents
from doctorglm.curate.placebo import permute_answers
from doctorglm.curate.settings import CurateSettings
from doctorglm.curate.stage import curate

__all__ = ["CurateSettings", "Document", "curate", "permute_answers", "read_documents"]

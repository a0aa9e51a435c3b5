"""An empty torchaudio, for LLaMA-Factory, which imports it to read sound files.

The build on PyPI loads with CUDA's libraries only; setup.sh leaves it out.
"""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec

sys.modules["torchaudio"] = module_from_spec(ModuleSpec("torchaudio", None))

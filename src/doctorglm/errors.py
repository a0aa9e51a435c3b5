"""What can be wrong with the input, said in Chinese and in English.

DoctorGLMError         caught by `cli.main` alone; exit code 2
├── ConfigError        a setting, a flag or a recipe
├── DataError          a corpus, a record, a file
├── ModelError         weights, a vocabulary, an adapter
└── GateError          the gate failed or is missing; exit code 3
"""

from doctorglm.language import Text


class DoctorGLMError(Exception):
    """What is wrong, with which value, where, and what to do; `exit_code` is what the process returns."""

    exit_code = 2

    def __init__(self, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.text = Text(en=en, zh=zh)

    def __str__(self) -> str:
        return str(self.text)


class ConfigError(DoctorGLMError):
    """A setting, a flag or a recipe is wrong."""


class DataError(DoctorGLMError):
    """A corpus, a record or a file cannot be used."""


class ModelError(DoctorGLMError):
    """Weights, a vocabulary or an adapter cannot be used."""


class GateError(DoctorGLMError):
    """The tuned model was not shown to be better than its base and its placebo."""

    exit_code = 3

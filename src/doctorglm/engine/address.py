"""Where a server is: `http(s)://HOST[:PORT]/v1#NAME`, and whether that is this machine."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from doctorglm.errors import ConfigError

_ADDRESS = re.compile(
    r"(?P<base>(?i:https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/[^\s?#@\\]*)"
    r"#(?P<name>\S(?:.*\S)?)"
)
"""Strict, so that no other reader of addresses finds another host in it."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server's API and the model to ask for there."""

    base: str
    """Without a slash at its end: `http://127.0.0.1:8000/v1`."""
    host: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """The address that `text` is; raises ConfigError, without what may be a password, when it is none."""
        found = _ADDRESS.fullmatch(text)
        if found is None:
            told = re.sub(r"//[^/]*@", "//…@", text)
            raise ConfigError(
                en=f"{told}: not the address of a model. Write http(s)://HOST[:PORT]/v1#NAME, with the name that the "
                "server knows the model by; a key comes from OPENAI_API_KEY.",
                zh=f"{told}：不是模型的地址。请写成 http(s)://主机[:端口]/v1#模型名，模型名以服务器的为准；"
                "密钥取自 OPENAI_API_KEY。",
            )
        return cls(found["base"].rstrip("/"), found["host"].strip("[]").lower(), found["name"])

    @property
    def loopback(self) -> bool:
        """Whether the host is literally this machine; what a name may resolve to is not asked."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def is_address(model: str) -> bool:
    """Whether a MODEL is a server, and not a folder or a file."""
    return model.lower().startswith(("http://", "https://"))

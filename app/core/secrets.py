"""Secrets: tokens are stored hashed, settings of channels encrypted, answers signed."""

import base64
import hashlib
import secrets

from cryptography.fernet import Fernet, InvalidToken

from app.core.errors import AppError


def new_token() -> str:
    """A random token of 256 bits, recognisable by its prefix."""
    return "al_" + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token. Plain SHA-256 suffices: 256 random bits cannot be guessed from their hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class SecretBox:
    """Encrypts short texts with a key derived from the secret key."""

    def __init__(self, secret_key: str) -> None:
        derived = hashlib.scrypt(secret_key.encode(), salt=b"alerting secrets at rest", n=2**14, r=8, p=1, dklen=32)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def encrypt(self, text: str) -> str:
        """`text` for the database."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, text: str) -> str:
        """The text again; AppError when the secret key is another one than then."""
        try:
            return self._fernet.decrypt(text.encode()).decode()
        except InvalidToken:
            raise AppError(
                "a stored secret cannot be read: ALERTING_SECRET_KEY is not the one it was written with"
            ) from None

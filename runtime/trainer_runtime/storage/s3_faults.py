"""What went wrong at an S3 server, as one sentence and whether trying later can help."""

import re
from typing import Final

from trainer_runtime.reasons import RunError

#: The server's own code, in the XML of its answer, which obstore repeats in its message.
_CODE: Final = re.compile(r"<Code>([A-Za-z0-9]{1,64})</Code>")
_STATUS: Final = re.compile(r"status(?: code)?:? (\d{3})", re.IGNORECASE)
_EXPIRED: Final = frozenset({"ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException"})
_REFUSED: Final = frozenset(
    {
        "AccessDenied",
        "AccountProblem",
        "AllAccessDisabled",
        "Forbidden",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
    }
)
_NOT_THERE: Final = frozenset({"NoSuchBucket", "NoSuchKey", "NotFound"})
_WRONG_REGION: Final = frozenset({"AuthorizationHeaderMalformed", "PermanentRedirect"})


def to_run_error(error: Exception, code: str, action: str, shown: str) -> RunError:
    """`error` of obstore at `shown` while trying to `action` (`read`, `write`, `list`, `delete`).

    The message itself is never repeated: it may hold a signed address.
    """
    text = str(error)
    kind = type(error).__name__
    match = _CODE.search(text)
    word = match[1] if match else ""
    status = _find_status(text)
    if word in _EXPIRED:
        return RunError(code, f"The keys for {shown} have expired: {_renewal(code)}.", status=6)
    if word in _WRONG_REGION or "redirect" in text.lower():
        sentence = f"The bucket of {shown} is in another region; give its region in aws_region."
        return RunError(code, sentence, status=6)
    if kind in ("PermissionDeniedError", "UnauthenticatedError") or word in _REFUSED:
        why = f" ({word})" if word else ""
        sentence = f"The storage does not let these credentials {action} {shown}{why}."
        return RunError(code, sentence, status=6)
    if kind == "NotFoundError" or word in _NOT_THERE:
        what = f"The bucket of {shown}" if word == "NoSuchBucket" else shown
        return RunError(code, f"{what} is not there.")
    if kind == "PreconditionError":
        return RunError(code, f"{shown} changed while it was read.", may_come_back=True)
    if status is not None and 400 <= status < 500 and status not in (408, 429):
        why = word or f"HTTP {status}"
        return RunError(code, f"The storage refuses to {action} {shown} ({why}).", status=6)
    if not word and status is None:
        return RunError(code, f"The storage of {shown} cannot be reached.", may_come_back=True)
    why = word or f"HTTP {status}"
    sentence = f"The storage could not {action} {shown} ({why})."
    return RunError(code, sentence, may_come_back=True)


def _renewal(code: str) -> str:
    """What whoever posted the job can do once its keys have ended."""
    if code != "UPLOAD_FAILED":
        return "submit it again with new keys"
    return (
        "submit it again with new keys, and with this job's id as extra_parameters.resume_from "
        "it goes on from the last checkpoint"
    )


def _find_status(text: str) -> int | None:
    match = _STATUS.search(text)
    return int(match[1]) if match else None

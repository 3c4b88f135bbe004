"""WeCom: external contacts of employees.

All callbacks are encrypted and signed in `msg_signature` over token, timestamp, nonce and ciphertext; the address is
proved by the decrypted `echostr`. Events of customers carry `UserID` (the employee), `ExternalUserID` and a
`ChangeType`; they have no message id, so the message itself is the key of repeats. Source: "客户联系" callbacks of the
developer centre. Events about group chats and about employees themselves name no customer and are answered only.
"""

import hashlib

from gateway.channels.adapters.reading import present, required, seconds
from gateway.channels.adapters.tencent import check_signature, decrypt, xml_fields
from gateway.channels.domain import Callback, Channel, Heard, Identifier, Reply, Told

_CHANGES = {
    "add_external_contact": "Contact Added",
    "add_half_external_contact": "Contact Added",
    "edit_external_contact": "Contact Edited",
    "del_external_contact": "Contact Removed",
    "del_follow_user": "Contact Removed By Customer",
    "transfer_fail": "Contact Transfer Failed",
}
_PROPERTIES = {
    "UserID": "employee_id",
    "State": "state",
    "FailReason": "reason",
    "Source": "source",
    "ChangeType": "change_type",
}


def wecom(channel: Channel, callback: Callback) -> Told:
    """What a callback about customers tells. Events about anything else tell nothing of a person."""
    query, secrets = callback.query, channel.secrets
    is_proof = callback.method == "GET"
    encrypted = query.get("echostr", "") if is_proof else required(xml_fields(callback.body), "Encrypt")
    stamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    check_signature(query.get("msg_signature", ""), secrets.secret, stamp, nonce, encrypted)
    text = decrypt(encrypted, secrets.aes_key, channel.namespace)
    if is_proof:
        return Told((), Reply(text.encode()))
    return Told(_heard(channel, text), Reply(b"success"))


def _heard(channel: Channel, text: str) -> list[Heard]:
    fields = xml_fields(text)
    if fields.get("Event") != "change_external_contact" or not fields.get("ExternalUserID"):
        return []
    change = required(fields, "ChangeType")
    contact = Identifier("wecom.external_userid", channel.namespace, fields["ExternalUserID"])
    return [
        Heard(
            hashlib.sha256(text.encode()).hexdigest()[:32],
            [contact],
            _CHANGES.get(change, f"WeCom {change}"),
            seconds(fields.get("CreateTime"), "CreateTime"),
            present(fields, _PROPERTIES),
        )
    ]

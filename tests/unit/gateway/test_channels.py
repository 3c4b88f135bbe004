"""What platforms send, in the shapes that they publish, and what we hear of it."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels import convert
from gateway.channels.adapters import ADAPTERS, tencent
from gateway.channels.domain import Callback, Channel, Identifier, Kind, Secrets
from gateway.channels.errors import CallbackInvalid, ChannelSecretsOff, SignatureInvalid
from gateway.channels.sealing import Seal

AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
NOW = datetime(2026, 6, 20, 4, tzinfo=UTC)
OFFICIAL = Channel(UUID(int=7), Kind.WECHAT_OFFICIAL, "our account", "wx123", NOW, secrets=Secrets("token"))
WECOM = replace(OFFICIAL, kind=Kind.WECOM, namespace="ww456", secrets=Secrets("token", AES_KEY))

SUBSCRIBED = """<xml>
  <ToUserName><![CDATA[gh_1]]></ToUserName>
  <FromUserName><![CDATA[oOpenId]]></FromUserName>
  <CreateTime>1781928000</CreateTime>
  <MsgType><![CDATA[event]]></MsgType>
  <Event><![CDATA[subscribe]]></Event>
  <EventKey><![CDATA[qrscene_store-17]]></EventKey>
  <Ticket><![CDATA[TICKET]]></Ticket>
</xml>"""
SAID = """<xml><ToUserName>gh_1</ToUserName><FromUserName>oOpenId</FromUserName><CreateTime>1781928000</CreateTime>
<MsgType>text</MsgType><Content>有货吗</Content><MsgId>23456</MsgId></xml>"""
MINI = """{"ToUserName": "gh_2", "FromUserName": "oMini", "CreateTime": 1781928000, "MsgType": "event",
"Event": "user_enter_tempsession", "SessionFrom": "product/17"}"""
CONTACT = """<xml><ToUserName><![CDATA[ww456]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>
<CreateTime>1781928000</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[change_external_contact]]></Event>
<ChangeType><![CDATA[add_external_contact]]></ChangeType><UserID><![CDATA[guide-3]]></UserID>
<ExternalUserID><![CDATA[wmCustomer]]></ExternalUserID><State><![CDATA[store-17]]></State>
<WelcomeCode><![CDATA[WELCOME]]></WelcomeCode></xml>"""


def signature(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def plain(body: str, method: str = "POST", **query: str) -> Callback:
    """A push that is signed, but not encrypted."""
    signed = {"timestamp": "1", "nonce": "2", "signature": signature("token", "1", "2")}
    return Callback(method, signed | query, {}, body.encode())


def encrypted(text: str, receiver: str, **query: str) -> Callback:
    box = tencent.encrypt(text, AES_KEY, receiver, b"0123456789abcdef")
    signed = {"timestamp": "1", "nonce": "2", "msg_signature": signature("token", "1", "2", box)}
    body = f"<xml><ToUserName>to</ToUserName><Encrypt><![CDATA[{box}]]></Encrypt></xml>"
    return Callback("POST", signed | query, {}, body.encode())


def test_an_official_account_is_followed_through_the_code_of_a_store():
    told = ADAPTERS[Kind.WECHAT_OFFICIAL](OFFICIAL, plain(SUBSCRIBED))

    (heard,) = told.heard
    assert told.reply.body == b"success"
    assert heard.identifiers == [Identifier("wx.openid", "wx123", "oOpenId")]
    assert (heard.name, heard.time) == ("Channel Followed", datetime.fromtimestamp(1781928000, UTC))
    assert heard.properties == {"scene": "store-17", "ticket": "TICKET"}


def test_a_message_has_its_own_number_and_an_event_is_known_by_who_when_and_what():
    (said,) = ADAPTERS[Kind.WECHAT_OFFICIAL](OFFICIAL, plain(SAID)).heard
    (followed,) = ADAPTERS[Kind.WECHAT_OFFICIAL](OFFICIAL, plain(SUBSCRIBED)).heard

    assert (said.key, said.name) == ("23456", "Message Received")
    assert said.properties == {"text": "有货吗", "message_type": "text"}
    assert followed.key == "oOpenId:1781928000:subscribe:qrscene_store-17"


def test_a_mini_program_pushes_json_too():
    mini = replace(OFFICIAL, kind=Kind.WECHAT_MINI_PROGRAM, namespace="wx789")

    (heard,) = ADAPTERS[Kind.WECHAT_MINI_PROGRAM](mini, plain(MINI)).heard

    assert heard.identifiers == [Identifier("wx.openid", "wx789", "oMini")]
    assert (heard.name, heard.properties) == ("Conversation Started", {"session_from": "product/17"})


def test_an_address_is_proved_by_the_echo_to_who_knows_the_token():
    proof = plain("", "GET", echostr="echo-17")

    assert ADAPTERS[Kind.WECHAT_OFFICIAL](OFFICIAL, proof).reply.body == b"echo-17"
    with pytest.raises(SignatureInvalid):
        ADAPTERS[Kind.WECHAT_OFFICIAL](replace(OFFICIAL, secrets=Secrets("other")), proof)


def test_an_encrypted_push_is_opened_and_one_for_somebody_else_is_not():
    channel = replace(OFFICIAL, secrets=Secrets("token", AES_KEY))

    (heard,) = ADAPTERS[Kind.WECHAT_OFFICIAL](channel, encrypted(SUBSCRIBED, "wx123")).heard

    assert heard.name == "Channel Followed"
    with pytest.raises(SignatureInvalid):
        ADAPTERS[Kind.WECHAT_OFFICIAL](channel, encrypted(SUBSCRIBED, "wx999"))


def test_wecom_tells_who_added_whom():
    told = ADAPTERS[Kind.WECOM](WECOM, encrypted(CONTACT, "ww456"))

    (heard,) = told.heard
    assert heard.identifiers == [Identifier("wecom.external_userid", "ww456", "wmCustomer")]
    assert (heard.name, heard.properties["employee_id"]) == ("Contact Added", "guide-3")
    assert heard.properties["state"] == "store-17"


def test_wecom_proves_its_address_with_a_secret_and_tells_of_much_that_names_no_customer():
    box = tencent.encrypt("17", AES_KEY, "ww456", b"0123456789abcdef")
    query = {"timestamp": "1", "nonce": "2", "echostr": box, "msg_signature": signature("token", "1", "2", box)}
    other = CONTACT.replace("change_external_contact", "change_contact")

    assert ADAPTERS[Kind.WECOM](WECOM, Callback("GET", query, {}, b"")).reply.body == b"17"
    assert ADAPTERS[Kind.WECOM](WECOM, encrypted(other, "ww456")).heard == []


@pytest.mark.parametrize("kind", [Kind.WECHAT_OFFICIAL, Kind.WECHAT_MINI_PROGRAM, Kind.WECOM])
@given(body=st.binary(max_size=200), query=st.dictionaries(st.sampled_from(["timestamp", "nonce"]), st.text()))
def test_nothing_unsigned_is_heard_whatever_it_is(kind, body, query):
    channel = replace(WECOM, kind=kind)

    with pytest.raises((SignatureInvalid, CallbackInvalid)):
        ADAPTERS[kind](channel, Callback("POST", query, {}, body))


@pytest.mark.parametrize(
    "body",
    [
        "<xml><FromUserName>o</FromUserName></xml>",
        "<xml><FromUserName>o</FromUserName><CreateTime>noon</CreateTime><MsgType>text</MsgType></xml>",
        "<!DOCTYPE x [<!ENTITY e 'boom'>]><xml><FromUserName>&e;</FromUserName></xml>",
        "<xml>",
        "[]",
        "",
    ],
)
def test_what_has_none_of_the_shapes_is_refused(body):
    with pytest.raises(CallbackInvalid):
        ADAPTERS[Kind.WECHAT_OFFICIAL](OFFICIAL, plain(body))


@given(text=st.text(max_size=100), receiver=st.text(st.characters(codec="ascii"), min_size=1, max_size=20))
def test_what_is_encrypted_is_what_is_decrypted(text, receiver):
    assert tencent.decrypt(tencent.encrypt(text, AES_KEY, receiver, b"0" * 16), AES_KEY, receiver) == text


def test_an_event_comes_in_as_that_of_a_trusted_source_under_an_id_that_repeats_share():
    (heard,) = ADAPTERS[Kind.WECHAT_OFFICIAL](OFFICIAL, plain(SUBSCRIBED)).heard

    first, again = (convert.event_of(OFFICIAL, heard, NOW) for _ in range(2))
    long = convert.event_of(OFFICIAL, replace(heard, key="k" * 500), NOW)

    assert first.message_id == again.message_id
    assert first.source_id == str(OFFICIAL.channel_id)
    assert len(long.message_id) <= 100


def test_a_sealed_secret_opens_with_its_key_for_its_channel_only():
    seal = Seal("a secret of the deployment, long enough")
    box = seal.close(Secrets("token", AES_KEY), b"channel 1")

    assert seal.open(box, b"channel 1") == Secrets("token", AES_KEY)
    assert b"token" not in box
    for other, about in ((seal, b"channel 2"), (Seal("another secret, just as long as that"), b"channel 1")):
        with pytest.raises(ChannelSecretsOff):
            other.open(box, about)
    with pytest.raises(ChannelSecretsOff):
        Seal("").close(Secrets("token"), b"channel 1")

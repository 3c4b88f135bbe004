"""Tables of keys."""

from sqlalchemy import Column, LargeBinary, MetaData, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP, UUID

metadata = MetaData()

api_keys = Table(
    "api_key",
    metadata,
    Column("key_id", UUID(as_uuid=True), primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("store_id", UUID(as_uuid=True)),
    Column("prefix", Text, nullable=False),
    Column("create_time", TIMESTAMP(timezone=True), nullable=False),
    Column("revoke_time", TIMESTAMP(timezone=True)),
)

write_keys = Table(
    "write_key",
    metadata,
    Column("source_id", UUID(as_uuid=True), primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("trust", SmallInteger, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("create_time", TIMESTAMP(timezone=True), nullable=False),
    Column("revoke_time", TIMESTAMP(timezone=True)),
)

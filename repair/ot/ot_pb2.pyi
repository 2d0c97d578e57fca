import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OTOpComponent(_message.Message):
    __slots__ = ("skip", "delete", "insert")
    SKIP_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    INSERT_FIELD_NUMBER: _ClassVar[int]
    skip: int
    delete: int
    insert: str
    def __init__(self, skip: _Optional[int] = ..., delete: _Optional[int] = ..., insert: _Optional[str] = ...) -> None: ...

class OTPacket(_message.Message):
    __slots__ = ("spooky_version", "op", "crc32", "committed", "version", "nonce", "user_id", "author")
    class Author(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        USER: _ClassVar[OTPacket.Author]
        GHOSTWRITER: _ClassVar[OTPacket.Author]
    USER: OTPacket.Author
    GHOSTWRITER: OTPacket.Author
    SPOOKY_VERSION_FIELD_NUMBER: _ClassVar[int]
    OP_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    spooky_version: int
    op: _containers.RepeatedCompositeFieldContainer[OTOpComponent]
    crc32: int
    committed: _timestamp_pb2.Timestamp
    version: int
    nonce: int
    user_id: int
    author: OTPacket.Author
    def __init__(self, spooky_version: _Optional[int] = ..., op: _Optional[_Iterable[_Union[OTOpComponent, _Mapping]]] = ..., crc32: _Optional[int] = ..., committed: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[int] = ..., nonce: _Optional[int] = ..., user_id: _Optional[int] = ..., author: _Optional[_Union[OTPacket.Author, str]] = ...) -> None: ...

class UndecodedOTPacket(_message.Message):
    __slots__ = ("spooky_version", "op", "crc32", "committed", "version", "nonce", "user_id", "author")
    class Component(_message.Message):
        __slots__ = ("skip", "delete", "insert")
        SKIP_FIELD_NUMBER: _ClassVar[int]
        DELETE_FIELD_NUMBER: _ClassVar[int]
        INSERT_FIELD_NUMBER: _ClassVar[int]
        skip: int
        delete: int
        insert: bytes
        def __init__(self, skip: _Optional[int] = ..., delete: _Optional[int] = ..., insert: _Optional[bytes] = ...) -> None: ...
    SPOOKY_VERSION_FIELD_NUMBER: _ClassVar[int]
    OP_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    spooky_version: int
    op: _containers.RepeatedCompositeFieldContainer[UndecodedOTPacket.Component]
    crc32: int
    committed: _timestamp_pb2.Timestamp
    version: int
    nonce: int
    user_id: int
    author: OTPacket.Author
    def __init__(self, spooky_version: _Optional[int] = ..., op: _Optional[_Iterable[_Union[UndecodedOTPacket.Component, _Mapping]]] = ..., crc32: _Optional[int] = ..., committed: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[int] = ..., nonce: _Optional[int] = ..., user_id: _Optional[int] = ..., author: _Optional[_Union[OTPacket.Author, str]] = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("path", "type", "content")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REGULAR: _ClassVar[File.Type]
        DIRECTORY: _ClassVar[File.Type]
    REGULAR: File.Type
    DIRECTORY: File.Type
    PATH_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    path: str
    type: File.Type
    content: bytes
    def __init__(self, path: _Optional[str] = ..., type: _Optional[_Union[File.Type, str]] = ..., content: _Optional[bytes] = ...) -> None: ...

class FileEvent(_message.Message):
    __slots__ = ("file", "op", "dest")
    class Op(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CREATE: _ClassVar[FileEvent.Op]
        MOVE: _ClassVar[FileEvent.Op]
        REMOVE: _ClassVar[FileEvent.Op]
        MODIFY: _ClassVar[FileEvent.Op]
    CREATE: FileEvent.Op
    MOVE: FileEvent.Op
    REMOVE: FileEvent.Op
    MODIFY: FileEvent.Op
    FILE_FIELD_NUMBER: _ClassVar[int]
    OP_FIELD_NUMBER: _ClassVar[int]
    DEST_FIELD_NUMBER: _ClassVar[int]
    file: File
    op: FileEvent.Op
    dest: File
    def __init__(self, file: _Optional[_Union[File, _Mapping]] = ..., op: _Optional[_Union[FileEvent.Op, str]] = ..., dest: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

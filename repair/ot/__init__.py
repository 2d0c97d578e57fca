"""OT packets: operations, the wire format in protobuf and JSON, and their application to a text."""

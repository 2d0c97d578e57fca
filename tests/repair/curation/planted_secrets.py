"""Planted secrets by kind, and look-alikes: drawn from descriptions of the formats. None was ever valid."""

# ruff: noqa: E501 (a table: the forms of a kind beside each other)

import base64
import random
import string
from collections.abc import Iterator
from typing import NamedTuple

B62 = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
URL64 = B62 + "-_"


class Planted(NamedTuple):
    """A text with one secret in it. It is found if `secret` is gone."""

    kind: str
    text: str
    secret: str


def planted(seed: int = 1) -> Iterator[Planted]:
    """Every kind, its values drawn with `seed`."""
    chance = random.Random(seed)

    def draw(alphabet: str, length: int) -> str:
        return "".join(chance.choices(alphabet, k=length))

    def b62(length: int) -> str:
        return draw(B62, length)

    def hexes(length: int) -> str:
        return draw(HEX, length)

    def lines(kind: str, secret: str, *forms: str) -> Iterator[Planted]:
        for form in forms:
            yield Planted(kind, form.replace("§", secret) + "\n", secret)

    tokens = {
        "GitHub": [f"gh{c}_{b62(36)}" for c in "pousr"] + ["github_pat_" + b62(22) + "_" + b62(59)],
        "GitLab": ["glpat-" + draw(URL64, 20), "gldt-" + draw(URL64, 20), "glrt-" + draw(URL64, 20)],
        "Slack": [f"xoxb-{draw(string.digits, 12)}-{draw(string.digits, 12)}-{b62(24)}", f"xapp-1-A{draw(string.ascii_uppercase + string.digits, 10)}-{draw(string.digits, 13)}-{hexes(64)}"],
        "OpenAI": ["sk-" + b62(48), "sk-proj-" + draw(URL64, 74), "sk-svcacct-" + b62(60)],
        "Anthropic": ["sk-ant-api03-" + draw(URL64, 93) + "AA", "sk-or-v1-" + hexes(64)],
        "Stripe": ["sk_live_" + b62(24), "rk_live_" + b62(99), "whsec_" + b62(32)],
        "Google": ["AIza" + draw(URL64, 35), "ya29.a0" + draw(URL64, 120), "GOCSPX-" + draw(URL64, 28)],
        "Azure": [b62(3) + "8Q~" + draw(B62 + "_-~.", 30) + b62(4)],
        "Twilio": ["AC" + hexes(32), "SK" + hexes(32)],
        "mail services": ["SG." + draw(URL64, 22) + "." + draw(URL64, 43), "key-" + hexes(32), hexes(32) + "-us12", "xkeysib-" + hexes(64) + "-" + b62(16)],
        "hosting": ["dop_v1_" + hexes(64), "dapi" + hexes(32), "dapi" + hexes(32) + "-2", "nfp_" + b62(40), "hvs." + draw(URL64, 90), "dp.pt." + b62(43), "pul-" + hexes(40)],
        "commerce": ["shpat_" + hexes(32), "sq0csp-" + draw(URL64, 43), "sq0atp-" + draw(URL64, 22), "rzp_live_" + b62(14)],
        "development": ["PMAK-" + hexes(24) + "-" + hexes(34), "lin_api_" + b62(40), "NRAK-" + draw(string.ascii_uppercase + string.digits, 27), "npm_" + b62(36), "pypi-AgEIcHlwaS5vcmc" + draw(URL64, 150), "dckr_pat_" + draw(URL64, 27), "glsa_" + b62(32) + "_" + hexes(8), "figd_" + draw(URL64, 40), "ATATT3xFfGF0" + draw(URL64, 180), "rubygems_" + hexes(48), "sntrys_" + draw(URL64, 60)],
        "models": ["hf_" + draw(string.ascii_letters, 34), "r8_" + b62(37), "gsk_" + b62(52), "xai-" + b62(80), "pplx-" + b62(48)],
        "chat bots": [draw(string.digits, 10) + ":AA" + draw(URL64, 33), "M" + b62(25) + "." + draw(URL64, 6) + "." + draw(URL64, 38)],
    }  # fmt: skip
    for provider, values in tokens.items():
        for value in values:
            yield from lines(
                f"token: {provider}", value, 'client = Client("§")', "# old key: §", "x = {'a': ['§']}"
            )

    jwt = ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=")
        for part in (
            b'{"alg":"HS256","typ":"JWT"}',
            b'{"sub":"1234567","iat":1516239022}',
            chance.randbytes(32),
        )
    )
    yield from lines(
        "JWT",
        jwt,
        'decode("§")',
        'headers = {"Authorization": "Bearer §"}',
        "curl = '''\ncurl -H 'Authorization: Bearer §' x\n'''",
    )

    aws = draw(B62 + "+/", 40)
    identifier = "AKIA" + draw(string.ascii_uppercase + "234567", 16)
    yield from lines(
        "AWS",
        identifier,
        "aws_access_key_id = '§'",
        's3 = boto3.client("s3", "§")',
        "# [default] aws_access_key_id=§",
    )
    yield from lines(
        "AWS", aws, "aws_secret_access_key = '§'", f'session = Session("{identifier}", "§")', 'ENV = """\nAWS_SECRET_ACCESS_KEY=§\n"""',
        'os.environ["AWS_SECRET_ACCESS_KEY"] = "§"', "client('s3', aws_secret_access_key='§')",
    )  # fmt: skip

    material = base64.b64encode(chance.randbytes(600)).decode()
    body = "\n".join(material[at : at + 64] for at in range(0, len(material), 64))
    for head in ("RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED ", "DSA "):
        pem = f"-----BEGIN {head}PRIVATE KEY-----\n{body}\n-----END {head}PRIVATE KEY-----"
        yield Planted("private key", f'KEY = """{pem}"""\n', material[128:150])
        yield Planted("private key", f"KEY = {pem + chr(10)!r}\n", material[128:150])
    broken = "".join(f'    "{line}\\n"\n' for line in body.split("\n"))
    yield Planted(
        "private key",
        f'KEY = (\n    "-----BEGIN PRIVATE KEY-----\\n"\n{broken}    "-----END PRIVATE KEY-----"\n)\n',
        material[128:150],
    )
    yield Planted(
        "private key",
        f'{{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\\n{material[:400]}\\n-----END PRIVATE KEY-----\\n"}}\n',
        material[128:150],
    )
    yield Planted(
        "private key",
        f'"""-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{body}\n=aB3d\n-----END PGP PRIVATE KEY BLOCK-----"""\n',
        material[128:150],
    )
    ppk = f"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: k\nPublic-Lines: 1\nAAAAB3NzaC1yc2E=\nPrivate-Lines: 13\n{body}\nPrivate-MAC: {hexes(64)}\n"
    yield Planted("private key", f'PPK = """{ppk}"""\n', material[128:150])
    age = "AGE-SECRET-KEY-1" + draw("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)
    yield from lines("private key", age[20:], f'identity = "{age[:20]}§"', f"# {age[:20]}§")

    password = b62(6) + "!" + draw(string.digits, 3) + "z"
    weak = draw(string.ascii_lowercase, 6) + draw(string.digits, 2)
    for word in (password, weak):
        yield from lines(
            "password in a URL", word, '"postgresql://admin:§@db.acme.io:5432/x"', "engine = create_engine('mysql+pymysql://root:§@10.0.0.5/app')",
            '"redis://:§@cache.acme.io:6379/0"', '"mongodb+srv://app:§@cluster0.ab1cd.mongodb.net/test"', '"https://bob:§@git.acme.io/x.git"', "# amqp://svc:§@mq/vhost",
        )  # fmt: skip
    yield from lines(
        "password in a URL",
        b62(20),
        '"https://§@github.com/acme/x.git"',
        '"https://oauth2:§@gitlab.com/a/b.git"',
    )
    yield from lines(
        "connection string", password, '"Driver={ODBC Driver 17};Server=db;Uid=sa;Pwd=§;"', '"Server=tcp:db.acme.io;User ID=sa;Password=§;Encrypt=yes"',
        '"jdbc:mysql://db.acme.io/x?user=app&password=§"', 'dsn = "host=db dbname=x user=app password=§"', '"jdbc:sqlserver://db:1433;user=sa;password=§;"',
    )  # fmt: skip
    account = base64.b64encode(chance.randbytes(64)).decode()
    yield from lines(
        "connection string",
        account,
        '"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=§;EndpointSuffix=core.windows.net"',
        'storage_key = "§"',
    )
    shared = base64.b64encode(chance.randbytes(32)).decode()
    yield from lines(
        "connection string",
        shared,
        '"Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=§"',
    )

    key = {"hex": hexes(32), "mixed": b62(20), "lower": draw(string.ascii_lowercase + string.digits, 24), "base32": draw(string.ascii_uppercase + "234567", 32), "base64": draw(URL64, 43)}  # fmt: skip
    for value in key.values():
        yield from lines(
            "key by its name", value,
            'api_key = "§"', 'app.config["SECRET_KEY"] = "§"', 'os.environ["WEATHER_API_KEY"] = "§"', 'os.getenv("WEATHER_API_KEY", "§")',
            'os.environ.get("API_TOKEN", default="§")', 'api_key: str = "§"', 'def f(api_key: str = "§"): ...', 'API_KEY: Final[str] = "§"',
            'if (token := "§"): pass', 'connect(host, token="§")', 'settings = {"api_key": "§", "x": 1}', "self.client_secret = '§'", 'API_KEY = (\n    "§"\n)',
            'token = f"§"', 'SECRET = b"§"', 'token = """§"""', 'if token == "§":\n    pass', 'assert "§" != api_token', 'api_key, x = "§", 1',
            'os.environ.setdefault("OPENAI_API_KEY", "§")', 'access_token = token or "§"', 'access_token = (\n    os.getenv("X")\n    or "§"\n)', 'API_KEY = str("§")',
            'headers = {"X-Api-Key": "§"}', 'headers = {"Ocp-Apim-Subscription-Key": "§"}', "kwargs = dict(auth_token='§')",
        )  # fmt: skip
        yield from lines(
            "key in text", value,
            'env = """\nDEBUG=1\nAPI_KEY=§\n"""', '"""\napi:\n  secret_key: §\n"""', "# API_KEY=§", '"https://api.x.io/v1?apiKey=§"', '"https://api.x.io/v1?a=1&access_token=§&b=2"',
            "cmd = 'tool --api-key § run'", "cmd = 'tool --token=§ run'", 'x = \'{"api_key": "§"}\'', 'x = "{\\"api_key\\": \\"§\\"}"', "# token: §", "cmd = 'curl -H \"X-Api-Key: §\" x'",
            "cmd = 'export SECRET_TOKEN=§'",
        )  # fmt: skip
        yield from lines(
            "authorization header",
            value,
            'h = {"Authorization": "Bearer §"}',
            "h['Authorization'] = 'Token §'",
            "# Authorization: Bearer §",
        )
    basic = base64.b64encode(f"bob:{password}".encode()).decode()
    yield from lines(
        "authorization header",
        basic,
        'h = {"Authorization": "Basic §"}',
        "# curl -H 'Authorization: Basic §'",
    )
    yield from lines(
        "Django SECRET_KEY",
        draw("abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)", 50),
        "SECRET_KEY = 'django-insecure-§'",
        "SECRET_KEY = '§'",
    )
    for word in (password, weak, "Tr0ub4dor&3", "S3cr3t!pw"):
        yield from lines(
            "password by its name", word,
            'password = "§"', 'DB_PASSWORD = "§"', 'passphrase = "§"', 'DB_PWD = "§"', 'connect(user="bob", password="§")', 'config = {"password": "§"}',
            'os.environ["DB_PASSWORD"] = "§"', 'os.getenv("DB_PASSWORD", "§")', 'if password == "§": pass', 'password: str = "§"', 'def login(user, passwd="§"): ...',
            'self.db_pass = "§"', "smtp_password = (\n    '§'\n)", 'PASSWORD = b"§"',
        )  # fmt: skip
        yield from lines(
            "password in text", word, 'env = """\nDB_PASSWORD=§\n"""', '"""\ndb:\n  password: §\n"""', "# password: §", "cmd = 'mysql --password=§ -u root'", "cmd = 'curl -u bob:§ https://x.io'",
            'x = \'{"password": "§"}\'',
        )  # fmt: skip

    fernet = base64.urlsafe_b64encode(chance.randbytes(32)).decode()
    yield from lines(
        "random value in a call", fernet, 'box = Fernet("§")', 'box = Fernet(b"§")', 'run("§")', 'x = "§"'
    )
    yield from lines(
        "random value in a call",
        hexes(64),
        'hmac.new(bytes.fromhex("§"), x)',
        'cipher = AES.new(unhexlify("§"))',
        'master = "§"',
        'client.login("bob", "§")',
        'salt = "§"',
    )

    mailbox = draw(string.ascii_lowercase, 6)
    yield from lines(
        "e-mail", f"{mailbox}.smith@corp-{mailbox[:3]}.io", '__author__ = "Ann <§>"', "# mail § for help", 'send("§")', '"mailto:§"', "'''\nWritten by §.\n'''", 'x = "§,b"', 'author_email="§",',
    )  # fmt: skip
    for spelled in (
        "{} [at] corp [dot] io",
        "{}[at]corp.io",
        "{} (at) corp.io",
        "{}(at)corp(dot)io",
        "{} at corp dot com",
        "{} AT corp DOT org",
        "{}<at>corp.io",
    ):
        yield from lines(
            "e-mail", mailbox, "# mail " + spelled.format("§"), "'''" + spelled.format("§") + "'''"
        )
    yield from lines("e-mail", "root@acme.io", 'to = "§"')
    yield from lines("e-mail", "info@acme.co.uk", 'to = "§"')

    for number in (
        *(
            "+33 1 42 68 53 00",
            "+49 170 1234567",
            "+49 (0)30 901820",
            "+44 20 7946 0958",
            "+1 212-664-7665",
            "+1 (212) 664-7665",
            "+91 98765 43210",
            "+81-3-1234-5678",
        ),
        *(
            "+12126647665",
            "+4917012345678",
            "+39 06 6982 1234",
            "+55 11 91234-5678",
            "+61 2 9374 4000",
            "+1.212.664.7665",
            "0049 30 901820",
            "+7 (495) 123-45-67",
        ),
    ):
        yield from lines("telephone with country code", number, "# call §", 'x = "§"', '"""\nFon §\n"""')
    for number in ("(212) 664-7665", "212-664-7665", "212.664.7665", "1-212-664-7665"):
        yield from lines("telephone of North America", number, "# call §", 'x = "§"')
    for number in ("020 7946 0958", "01 42 68 53 00", "030/901820", "8 (495) 123-45-67", "03-1234-5678"):
        yield from lines("telephone by its name", number, 'phone = "§"', "# Tel.: §", 'x = {"mobile": "§"}')

    for address in ("93.184.216.34", "52.95.110.1", "5.9.23.114", "185.60.216.35"):
        yield from lines(
            "IPv4",
            address,
            'connect("§", 80)',
            "# server §",
            'HOST = "§"',
            '"http://§:8080/x"',
            'ALLOWED_HOSTS = [\n    "a",\n    "§",\n]',
            "'ssh bob@§'",
            "ip = '§'",
        )
    for address in (
        "2a00:1450:4001:82b::200e",
        "2001:41d0:8:e8ad::1",
        "2600:1f18:1234:5678:9abc:def0:1234:5678",
        "2a01:4f8:c17:b8f::2",
    ):
        yield from lines("IPv6", address, 'connect("§")', "# host §", '"http://[§]:80/"')
    for address in ("3c:22:fb:9a:4e:d1", "F0-18-98-2B-7C-A3", "dc:a6:32:4f:91:0b"):
        yield from lines("MAC", address, 'wake("§")', "# §")
    for head in ("4539", "5412", "371449", "6011"):
        digits = head + draw(string.digits, (15 if head[0] == "3" else 16) - 1 - len(head))
        doubled = [int(digit) * (1 if index % 2 else 2) for index, digit in enumerate(reversed(digits))]
        digits += str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)
        groups = [4, 6, 5] if head[0] == "3" else [4, 4, 4, 4]
        parts = [digits[sum(groups[:index]) : sum(groups[: index + 1])] for index in range(len(groups))]
        for number in (digits, " ".join(parts), "-".join(parts)):
            yield from lines("payment card", number, 'pay("§")', "# card §")
    for iban in (
        "DE89370400440532013000",
        "GB82 WEST 1234 5698 7654 32",
        "FR14 2004 1010 0505 0001 3M02 606",
        "CH9300762011623852957",
        "NL91ABNA0417164300",
    ):
        yield from lines("IBAN", iban, 'pay("§")', "# §")
    yield from lines(
        "US social security number",
        f"{chance.randint(100, 665)}-{chance.randint(10, 99)}-{chance.randint(1000, 9999)}",
        'ssn = "§"',
        "# SSN §",
    )

    for path in (
        *(
            "/home/§/x.txt",
            "/Users/§/Documents",
            "file:///home/§/x",
            "sqlite:////home/§/x.db",
            "/mnt/c/Users/§/x",
            "/c/Users/§/x",
            "/cygdrive/c/Users/§/x",
        ),
        *(
            "/var/home/§/x",
            "/export/home/§/x",
            "C:/Users/§/x",
            "file:///C:/Users/§/x",
            "/usr/home/§",
            "~§/x",
            "/Volumes/Data/Users/§/x",
        ),
        *(
            r"C:\Users\§\x",
            r"c:\\users\\§\\x",
            r"C:\Documents and Settings\§\x",
            r"\\wsl$\Ubuntu\home\§\x",
            r"\\wsl.localhost\Ubuntu\home\§\x",
            r"\\server\Users\§\x",
            r"D:\\\\Users\\\\§\\\\x",
        ),
    ):
        for name in ("alice.smith" if path[0] != "~" else "alice", "bwayne"):
            yield from lines(
                "user name in a path", name, f'p = "{path}"', f"# see {path}", f"open(r'{path}')"
            )


LOOK_ALIKES = tuple(
    """
__version__ = "4.3.2.1"
VERSION_INFO = "24.33.122.31"
SUPPORTED_VERSIONS = ["4.3.2.1", "24.33.25.1"]
OID = "1.3.6.1"
NAME = x509.ObjectIdentifier("2.5.29.17")
# see section 5.2.1.3
# 4.3.2.1 Overview
# RFC 5280 4.2.1.12 says so
requires = ["foo==1.22.33.44"]
"Mozilla/5.0 Chrome/91.0.44.124 Safari/537.36"
"Chrome/49.0.26.75"
bind("0.0.0.0", 80)
ping("127.0.0.1"), ping("192.168.1.20"), ping("10.1.2.3"), ping("8.8.8.8"), ping("255.255.255.0")
host = "192.0.2.17"
p = "icon@2x.png"
p = "logo@3x.jpg"
"pkg @ git+https://github.com/a/b@v1.2.com"
"git+https://github.com/acme/tool.git@v1.2.3#egg=tool"
"git@github.com:acme/tool.git"
"user@example.com"
"noreply@example.org"
"https://unpkg.com/react@18.2.0/umd/react.js"
a = x@w.T
y = (a @ b.c)
@app.route("/x")
@pytest.mark.parametrize("a", ["b"])
@dataclass.fields.com
"locale sd_IN@devanagari.UTF-8"
"Score: +100000"
"Balance +1000000000"
isbn = "978-316-1484"
# ISBN 978-3-16-148410-0
"2024-01-15 12:30:45", "12:34:56"
"1984-1985", "2020-2021-2022"
"+0530", "UTC+05:30"
Decimal("+35236450.6")
x = 555-123-4567
n = 1234567890123
phone_length = 10
"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
"foo==1.0 --hash=sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
commit = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
assert digest == "d41d8cd98f00b204e9800998ecf8427e"
checkout("da39a3ee5e6b4b0d3255bfef95601890afd80709")
checksum = "0123456789abcdef0123456789abcdef"
uuid.UUID("550e8400-e29b-41d4-a716-446655440000")
id = "6fa459ea-ee8a-3ca4-894e-db77e160355e"
NAMESPACE = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
etag = "33a64df551425fcc55e4d42a148795d9f25f89d4"
integrity = "sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC"
max_tokens_model = "gpt-4-turbo-2024-04-09-Preview"
token_type = "Bearer"
token_type = "access_token_v2"
password_policy = "at-least-8-chars-1-digit"
password_field = "user_password1"
password = "changeme"
password = "password"
password = "your-password-here"
password = "********"
password = "<password>"
password = getpass.getpass("Password: ")
PASSWORD = "password123"
password_prompt = "Enter password #2:"
password = "%(password)s"
password = f"{user}1!"
api_key = "your-api-key-here"
api_key = "YOUR_API_KEY"
api_key = "<token>"
api_key = "sk-..."
api_key = os.environ["API_KEY_V2"]
token = "the_name_of_a_token_2"
token = "${TOKEN}"
SECRET_KEY = "change-me-in-production"
secret_name = "projects/acme/secrets/db-password/versions/1"
token_url = "https://auth.acme.io/oauth2/v2.0/token"
key = "user_id"
sort_key = "created_at_2024"
cache_key = "user:profile:v2:list"
primary_key = "customer_order_item_id"
KEY_FILE = "/etc/ssl/private/server-2024.key"
tokens = ["hello", "world2", "foo_bar"]
vocab = {"<pad>": 0, "token1": 1}
tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased-v2")
pad_token = "<|endoftext|>"
"postgresql://user:password@localhost/db"
"postgres://postgres:postgres@db/app"
f"postgres://{user}:{password}@{host}/db"
"amqp://guest:guest@localhost:5672/"
"redis://localhost:6379/0"
"http://localhost:8080/path@v2"
"https://e.com/home/docs"
"https://acme.io/Users/list"
"/Users/list"
"/home/index.html"
"/home/runner/work/app"
"/home/user/app"
"/api/users/profile"
z = x/home/y
Path("docs/home/intro")
"~/.config/app"
"sk-folding-cube-yellow-2x-small-extra"
"pypi-server-configuration-for-internal-use-version-2-of-the-manual"
"npm_config_registry_for_the_internal_packages"
from a_long_name_of_a_module_v2 import something_else_with_3_parts
"test_that_the_token_is_refreshed_after_3600_seconds"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
re.compile(r"[A-Za-z0-9_]{20,40}@[a-z]+")
re.compile(r"(?P<password>[^:@]+)@(?P<host>[\\w.]+)")
"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
ICON = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7vbqajDhA"
messages = {"password": "Le mot de passe doit contenir 8 caractères"}
labels = {"password": "Passwort", "token": "Zugangstoken"}
help = "--password TEXT  the password of the user"
"mac ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "aa:bb:cc:dd:ee:ff"
a[1::2], b[::3]
"::1", "fe80::1", "2001:db8::1", "std::string"
card = "4111 1111 1111 1111"
order_id = "4539578763621486"
timestamp = 1700000000000
"part 100-10-1000-77"
Classifier = "Programming Language :: Python :: 3.11"
url = "https://docs.acme.io/v2/getting-started/authentication?lang=en&page=2"
params = {"key": "value1", "token": "abc"}
test_password = "test123"
error = "Invalid token at position 12"
"basic usage2: see the tutorial", "bearer token1 is required"
SECRET_NAMES = ["DB_PASSWORD_V2", "API_KEY_2"]
parser.add_argument("--token-file2", help="file with the token")
signature = inspect.signature(function)
variables = {"disable_auth": ("disable_s3_auth", "AWS_S3_DISABLE_AUTH", None)}
""".strip().splitlines()
)
"""Texts of one line each that hold no secret."""

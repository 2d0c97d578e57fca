"""Values that are nobody's: placeholders of documentation, accounts that every machine has.

Tested by `tests/repair/curation/test_privacy.py`.
"""

import re
import string

_TEMPLATE = re.compile(
    r"[{}<>]|\$\(|%\(|(?<!\w)%s|\$[A-Z_]{3}|^\$[A-Za-z_]\w*$|^%|%$|\.\.\.|…|\*\*\*|^\$|xxx|XXX"
)
_MOST_TEMPLATE = 40  # in longer random values any of these signs may occur
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PLACEHOLDER_WORDS = frozenset(
    """
    a abc access account acme allowed an and another any api app apikey auth authorization aws bad bar baz
    bearer change changed changeit changeme client code confirm confirmation credential credentials custom
    cfg config conf correct current data database db default demo do dummy email empty encrypted enter env
    environment error example expired fake field file fill first foo for form from function gen generate
    generated github go good hash hashed header hello her here hidden http https id in incorrect input
    insert insecure invalid is it jwt key keys local localhost login long mail matching me missing mock must
    my mypass mypassword n name new newpass newpassword no none not null of old oldpass oldpassword on
    openai optional or param parameter pass passcode passphrase passwd password passwords path personal
    placeholder please plain prod private prompt public put pw pwd random raw real redacted refresh
    remember replace request required reset right root same sample sec second secret secrets secure security
    select sent server service session set setting settings should sign signature signing some something
    string strong super supersecret temp temporary test tester testing tests text that the this to todo
    token tokens too txt type unknown unused update use user username usr val valid value var variable via
    weak with world wrong x xx y yes you your yours z
    """.split()  # noqa: SIM905
)
_ENDS = string.digits + string.punctuation

NOBODY = frozenset(
    """
    jovyan ubuntu pi admin runner default user_name codespace public app me shared vscode node ec2-user user
    appuser git coder name your_name your_username root you anonymous guest yourname username centos debian
    vagrant circleci travis jenkins docker www www-data airflow spark hadoop postgres mysql nobody someone
    somebody foo bar example xxx user-name yourusername your-username your-name my-user myuser site
    linuxbrew azureuser gitpod sandbox student test build builder ci
    """.split()  # noqa: SIM905
)
"""Accounts in paths that name no person."""

ROUTES = frozenset(
    """
    list lists index home create edit update delete new add remove show view views detail details search
    settings profile profiles login logout signup signin register dashboard about contact docs help all
    count current self bulk batch import export admin api static assets images css js news blog pages page
    id roles groups invite password reset main overview welcome landing feed status users items me info
    config options
    """.split()  # noqa: SIM905
)
"""Words after `/home/` and `/Users/` that are parts of a web address or of a route."""

MAILBOXES_OF_NOBODY = frozenset(
    """
    git hg svn user username user_name your_name your_username yourname yourusername your.name your-name
    name you me someone somebody anonymous foo bar baz noreply no-reply donotreply do-not-reply youremail
    your.email your-email your_email example email test myemail
    """.split()  # noqa: SIM905
)
HOSTS_OF_NOBODY = (
    *(
        "example.com",
        "example.org",
        "example.net",
        "example.edu",
        ".example",
        ".test",
        ".invalid",
        "localhost",
    ),
    *(".local", ".localdomain", "yourdomain.com", "your-domain.com", "mydomain.com", "yourcompany.com"),
)


def is_placeholder(value: str) -> bool:
    """Whether `value` stands for a secret: a template, or made of words such as `your`, `key` and `here`."""
    if len(value) < _MOST_TEMPLATE and _TEMPLATE.search(value):
        return True
    if len(set(value)) <= 2:
        return True
    core = value.strip(_ENDS)
    if not core:
        return value in ("123456", "12345678", "1234567890")
    if len(core) < 3 and len(value) > 7:
        return False
    words = [word.lower() for word in _WORDS.findall(core)]
    return not any(map(str.isdigit, core)) and all(word in _PLACEHOLDER_WORDS for word in words)

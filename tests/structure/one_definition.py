"""What may be defined once only in the host: all rooms share namespaces, and the linker takes one of two types or inline functions of a name silently.

definitions(text) reads C++ by its braces alone: enough for a tree whose format is checked, and a file that does not come out even is said so.
"""

import re

NOT_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/                              # comments
    |(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"  # raw strings
    |"(?:\\.|[^"\\\n])*"                               # strings
    |(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'               # characters, not the marks within numbers
    |^[ \t]*\#(?:\\\n|[^\n])*                           # the preprocessor's lines
    """, re.VERBOSE | re.DOTALL | re.MULTILINE)
TEMPLATE = re.compile(r"^template ?<")
TYPE = re.compile(r"^(?:class|struct|union|enum(?: class| struct)?) (?:(?:\[\[[^]]*\]\]|alignas ?\([^)]*\)) ?)*"
                  r"(?P<name>[A-Za-z_][\w:]*(?: ?<.*>)?)(?: final)?(?: ?:(?!:).*)?$")
NAMESPACE = re.compile(r"^(?:inline )?namespace(?: (?P<name>[\w:]+))?$")
INTERNAL = re.compile(r"\b(?:static|using|typedef|friend)\b")
INLINE = re.compile(r"\b(?:inline|constexpr|consteval)\b")
FUNCTION = re.compile(r"^[^(=]*?(?P<name>operator ?[^\s\w(]{1,3}|operator ?\(\)|~?[A-Za-z_][\w:]*(?: ?<[^()]*>)?) ?\((?P<rest>.*)$")
VARIABLE = re.compile(r"(?P<name>[A-Za-z_][\w:]*)(?: ?\[[^]]*\])* ?(?:=.*)?$")


def without_template(head):
    """The declaration behind `template <...>`, and whether there was one."""
    generic = False
    while TEMPLATE.match(head):
        depth = 0
        for at in range(head.index("<"), len(head)):
            depth += (head[at] == "<") - (head[at] == ">" and head[at - 1] != "-")
            if depth == 0:
                break
        head, generic = head[at + 1:].strip(), True
    return head, generic


def parameters(rest):
    """Up to the parenthesis that closes the list."""
    depth = 1
    for at, character in enumerate(rest):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return rest[:at]
    return rest


def named(head):
    """What a declaration that is followed by a body defines with external linkage and may be repeated: (what, name), or None."""
    declaration, generic = without_template(head)
    match = TYPE.match(declaration)
    if match:
        return "type", match["name"].replace(" ", "")
    if INTERNAL.search(declaration) or not (generic or INLINE.search(declaration)):
        return None
    match = FUNCTION.match(declaration)
    if match:
        return "inline function", f"{match['name']}({parameters(match['rest'])})"
    if re.search(r"\binline\b", declaration):
        match = VARIABLE.search(declaration)
        return ("inline variable", match["name"]) if match else None
    return None


def definitions(text):
    """[(line, what, qualified name)] outside anonymous namespaces; None if the braces do not match."""
    code = NOT_CODE.sub(lambda match: ("" if match[0].lstrip()[:1] in "/#" else '""') + "\n" * match[0].count("\n"), text)
    found, scopes, head, line = [], [], "", 1  # scopes: the name of a namespace, "" for an anonymous one, None for any other brace
    started = 1

    def define():
        words = " ".join(head.replace('""', " ").split())
        if words and all(scopes):
            what = named(words)
            if what:
                found.append((started, what[0], "::".join(scopes + [what[1]])))

    for character in code:
        if character == "\n":
            line += 1
        if not head:
            started = line
        if character == "{":
            words = " ".join(head.replace('""', " ").split())
            match = NAMESPACE.match(words)
            if match:
                scopes.append(match["name"] or "")
            elif words == "extern":
                scopes.append("extern C")
            else:
                define()
                scopes.append(None)
            head = ""
        elif character == "}":
            if not scopes:
                return None
            scopes.pop()
            head = ""
        elif character == ";":
            if "inline " in head:
                define()
            head = ""
        elif head or not character.isspace():
            head += character
    return None if scopes else found


def findings(files):
    """files: [(path, text)]."""
    first, out = {}, []
    for path, text in files:
        defined = definitions(text)
        if defined is None:
            out.append(f"{path}:0: the braces of this file do not match, so its definitions cannot be read")
            continue
        for line, what, name in defined:
            earlier = first.setdefault((what, name), (path, line))
            if earlier[0] != path:
                out.append(f"{path}:{line}: the {what} `{name}` is defined in {earlier[0]}:{earlier[1]} too, and the linker takes one of them "
                           "for both: rename it, or put it into an anonymous namespace")
    return out

#include "url.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "path.hpp"
#include "secrets.hpp"

namespace tenon::host::config_room {
namespace {

constexpr std::size_t npos = std::string_view::npos;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return hex_digit(c) >= 0; }

// RFC 3986: what may stand in a URL without being escaped; brackets only around an address.
bool is_url_character(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c) || std::string_view("-._~:/?#[]@!$&'()*+,;=%").find(c) != npos;
}

std::string port_problem(std::string_view port) {
  std::uint32_t number = 0;
  for (char c : port) {
    if (!is_digit(c)) return "its port is no number";
    number = std::min<std::uint32_t>(number * 10 + static_cast<std::uint32_t>(c - '0'), 100'000);
  }
  return port.empty() || (number >= 1 && number <= 65'535) ? "" : "its port is not within 1 to 65535";
}

// host[:port], a comma separates several (libpq).
std::string hosts_problem(std::string_view hosts) {
  for (std::string_view host : split(hosts, ',')) {
    if (!host.empty() && host[0] == '[') {
      const std::size_t end = host.find(']');
      if (end == npos) return "its host lacks a closing `]`";
      const std::string_view address = host.substr(1, end - 1);
      if (address.size() < 2 || !std::all_of(address.begin(), address.end(), [](char c) { return is_hex(c) || c == ':' || c == '.'; }))
        return "its host is no IPv6 address";
      host.remove_prefix(end + 1);
      if (!host.empty() && host[0] != ':') return "its host is followed by something else than a port";
      if (host.empty()) continue;
      if (std::string p = port_problem(host.substr(1)); !p.empty()) return p;
      continue;
    }
    if (host.find_first_of("[]") != npos) return "its host contains a bracket";
    const std::size_t colon = host.find(':');
    if (colon == npos) continue;
    if (std::string p = port_problem(host.substr(colon + 1)); !p.empty()) return p;
  }
  return {};
}

std::string postgres_problem(std::string_view rest) {
  if (rest.substr(0, 2) != "//") return "`//` must follow its scheme";
  rest.remove_prefix(2);
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (!is_url_character(rest[i])) return "it contains a character that must be escaped";
    if (rest[i] == '%' && (i + 2 >= rest.size() || !is_hex(rest[i + 1]) || !is_hex(rest[i + 2])))
      return "`%` must be followed by two hexadecimal digits";
  }
  if (rest.find('#') != npos) return "a fragment has no meaning in it";
  std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  const std::string_view after = rest.substr(authority.size());
  if (after.substr(0, after.find('?')).find('@') != npos) return "`@`, `/` and `?` in a user or password must be escaped";
  const std::size_t at = authority.rfind('@');
  if (at != npos) {
    if (authority.find('@') != at) return "`@` in a user or password must be escaped";
    authority.remove_prefix(at + 1);
  }
  if (authority.empty() && after.find("host=") == npos && after.empty()) return "it names no host and no database";
  return hosts_problem(authority);
}

// The end of what belongs to a URL inside a longer text.
std::size_t url_end(std::string_view text, std::size_t from) {
  while (from < text.size() && static_cast<unsigned char>(text[from]) > ' ' && text[from] != '"' && text[from] != '\'' && text[from] != '`')
    ++from;
  return from;
}

bool is_port(std::string_view text) {
  const std::size_t end = text.find_first_of("/?#");
  const std::string_view digits = text.substr(0, end);
  return end != npos && digits.size() <= 5 && std::all_of(digits.begin(), digits.end(), is_digit);
}

using Ranges = std::vector<std::pair<std::size_t, std::size_t>>;

// Values of secret parameters in text[from, end), which holds what follows the authority of a URL.
void find_query_passwords(Ranges& out, std::string_view text, std::size_t from, std::size_t end) {
  from = std::min(text.substr(0, end).find('?', from), end);
  while (from < end) {  // at '?' or '&'
    const std::size_t next = std::min(text.substr(0, end).find('&', from + 1), end);
    const std::size_t equals = text.substr(0, next).find('=', from);
    if (equals != npos && equals + 1 < next && is_secret_name(text.substr(from + 1, equals - from - 1))) out.emplace_back(equals + 1, next);
    from = next;
  }
}

}  // namespace

std::string url_problem(std::string_view url) {
  if (url.find('\0') != npos) return "it contains a NUL character";
  const std::size_t colon = url.find(':');
  if (colon == npos) return "it has no scheme";
  const std::string scheme = to_lower(url.substr(0, colon));
  const std::string_view rest = url.substr(colon + 1);
  if (scheme == "sqlite") return rest.empty() ? "it names no file" : "";
  if (scheme == "postgres" || scheme == "postgresql") return postgres_problem(rest);
  return "it has an unknown scheme";
}

Ranges url_passwords(std::string_view text) {
  Ranges out;
  for (std::size_t slashes = text.find("://"); slashes != npos;) {
    const std::size_t start = slashes + 3, end = url_end(text, start);
    const std::string_view url = text.substr(start, end - start);
    // A password may contain `/`, `:` and `@` although it should not: it ends at the last `@`.
    const std::size_t colon = url.find(':'), at = url.rfind('@');
    const bool in_authority = at != npos && url.find_first_of("/?#") > at;
    if (colon == npos || at == npos || colon > at || (!in_authority && is_port(url.substr(colon + 1)))) {
      find_query_passwords(out, text, start, end);
    } else {
      if (at > colon + 1) out.emplace_back(start + colon + 1, start + at);
      find_query_passwords(out, text, start + at, end);
    }
    slashes = text.find("://", end);
  }
  return out;
}

std::string mask_url_passwords(std::string_view text) {
  std::string out;
  std::size_t from = 0;
  for (const auto& [begin, end] : url_passwords(text)) {
    out.append(text.substr(from, begin - from)).append(masked);
    from = end;
  }
  return out.append(text.substr(from));
}

bool has_url_password(std::string_view text) { return !url_passwords(text).empty(); }

}  // namespace tenon::host::config_room

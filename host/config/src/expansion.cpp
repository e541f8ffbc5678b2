#include "expansion.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "secrets.hpp"

namespace tenon::host {
namespace {

Error bad(std::string message) { return {Code::invalid_argument, std::move(message), "EXPANSION", 0, ExitCode::config}; }

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && letter(text[0]) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool is_credential_name(std::string_view text) {
  return !text.empty() && text.size() <= 255 && text != "." && text != ".." && text.find('/') == std::string_view::npos &&
         text.find('\0') == std::string_view::npos;
}

bool is_secret_variable(std::string_view name) { return config_room::is_secret_name(name) || name.starts_with("TENON_SUPER__"); }

}  // namespace

bool refers_to_secret(std::string_view text) {
  for (std::size_t dollar = text.find('$'); dollar != std::string_view::npos; dollar = text.find('$')) {
    text.remove_prefix(dollar);
    if (text.substr(0, 2) != "${") {
      text.remove_prefix(text.substr(0, 3) == "$${" ? 3 : 1);
      continue;
    }
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) return true;
    const std::string_view body = text.substr(2, end - 2), name = body.substr(0, body.find(":-"));
    if (!is_name(name) || is_secret_variable(name) || body.find("${") != std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
  return false;
}

Expander::Expander(const std::vector<std::pair<std::string, std::string>>& environment, std::string credentials_dir)
    : credentials_dir_(std::move(credentials_dir)) {
  environment_.reserve(environment.size());
  for (const auto& [name, value] : environment) environment_.emplace(name, value);  // the first counts, as with getenv
}

Result<Expander::Expanded> Expander::expand(std::string_view text, std::size_t& budget) const {
  Expanded out;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    out.text.append(text.substr(0, dollar));
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar);
    if (text.substr(0, 3) == "$${") {
      out.text += "${";
      text.remove_prefix(3);
      continue;
    }
    if (text.substr(0, 2) != "${") {
      out.text += '$';
      text.remove_prefix(1);
      continue;
    }
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) return bad("a `${` is not closed by `}`");
    Result<Expanded> part = reference(text.substr(2, end - 2));
    if (!part) return part.error();
    if (part->text.size() > budget)
      return Error{Code::resource_exhausted, "expanded values add up to more than " + format_size(default_budget), "EXPANSION", 0,
                   ExitCode::config};
    budget -= part->text.size();
    out.text += part->text;
    out.secret = out.secret || part->secret;
    text.remove_prefix(end + 1);
  }
  return out;
}

Result<Expander::Expanded> Expander::reference(std::string_view body) const {
  if (body.find("${") != std::string_view::npos) return bad("a `${` stands inside another one; expansion does not nest");
  const auto starts = [&](std::string_view prefix) { return body.substr(0, prefix.size()) == prefix; };
  if (starts("file:")) {
    const std::string path(body.substr(5));
    if (path.empty() || path[0] != '/' || path.find('\0') != std::string::npos || path.size() >= 4096)
      return bad("`${file:...}` needs an absolute path");
    return file(path, "${file:" + printable(path) + "}");
  }
  if (starts("cred:")) {
    const std::string name(body.substr(5));
    if (!is_credential_name(name)) return bad("`${cred:...}` needs the name of a credential, without `/`");
    const std::string shown = "${cred:" + printable(name) + "}";
    if (credentials_dir_.empty()) return bad("`" + shown + "` cannot be read: $CREDENTIALS_DIRECTORY is not set");
    return file(credentials_dir_ + "/" + name, shown);
  }
  return variable(body);
}

Result<Expander::Expanded> Expander::variable(std::string_view body) const {
  const std::size_t colon = body.find(":-");
  const std::string name(body.substr(0, colon));
  if (!is_name(name)) {
    const std::size_t scheme = name.find(':');
    if (scheme != std::string::npos && is_name(std::string_view(name).substr(0, scheme)))
      return bad("`${" + name.substr(0, scheme) + ":...}` is none of `${VAR}`, `${VAR:-default}`, `${file:/path}`, `${cred:name}`");
    return bad("a `${...}` is none of `${VAR}`, `${VAR:-default}`, `${file:/path}`, `${cred:name}`");
  }
  const bool secret = is_secret_variable(name);
  const auto it = environment_.find(name);
  if (it != environment_.end() && (colon == std::string_view::npos || !it->second.empty())) {
    if (invalid_utf8_at(it->second) != std::string_view::npos) return bad("the environment variable `" + name + "` is not valid UTF-8");
    return Expanded{it->second, secret};
  }
  if (colon == std::string_view::npos)
    return bad("the environment variable `" + printable(name) + "` is not set; set it, or write `${" + printable(name) + ":-default}`");
  return Expanded{std::string(body.substr(colon + 2)), secret};
}

Result<Expander::Expanded> Expander::file(const std::string& path, const std::string& shown) const {
  Result<std::string> text = read_text_file(path, max_file);
  if (!text) {
    Error error = text.error();
    error.message = "`" + shown + "`: " + error.message;
    error.exit = ExitCode::config;
    return error;
  }
  if (!text->empty() && text->back() == '\n') {
    text->pop_back();
    if (!text->empty() && text->back() == '\r') text->pop_back();
  }
  if (invalid_utf8_at(*text) != std::string_view::npos || text->find('\0') != std::string::npos)
    return bad("`" + shown + "` is no text: it must be UTF-8 without NUL characters");
  return Expanded{std::move(*text), true};
}

}  // namespace tenon::host

// yaml-cpp's refusals in words that name the place, what was expected, and how to go on.
#include <algorithm>
#include <string>

#include "base/text.hpp"
#include "yaml_builder.hpp"

namespace tenon::host {
namespace {

constexpr std::string_view blanks = " \t\r\n";
constexpr std::string_view quotes_help = "text that contains `: ` or ` #`, or begins with a special character, needs quotes";

bool is_blank(char c) { return blanks.find(c) != std::string_view::npos; }

}  // namespace

void YamlBuilder::report(const YAML::Exception& e) {
  const std::string_view text = text_.bytes();
  const std::size_t behind_all = text.find_last_not_of(blanks) == std::string_view::npos ? 0 : text.find_last_not_of(blanks) + 1;
  const bool has_place = e.mark.pos >= 0;
  std::size_t offset = has_place ? std::min(static_cast<std::size_t>(e.mark.pos), text.size()) : behind_all;
  const std::string_view message = e.msg;
  const auto is = [message](const char* known) { return message.substr(0, std::string_view(known).size()) == known; };
  const auto add = [&](std::string code, std::size_t at, std::size_t length, std::string what, std::string help = {}) {
    diagnostics_.error(std::move(code), text_.where(at, length), std::move(what), std::move(help));
  };
  const auto shown = [&](std::size_t at) {
    std::size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
    return "`" + printable(text.substr(at, end - at)) + "`";
  };

  // The line's indentation is the likeliest culprit of whatever yaml-cpp stumbled over behind it.
  const std::size_t break_before = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
  const std::size_t line = break_before == std::string_view::npos ? 0 : break_before + 1;
  const std::size_t tab = text.find('\t', line);
  if (is(YAML::ErrorMsg::TAB_IN_INDENTATION) || (tab < offset && tab < text_.skip_blanks(line)))
    return add("yaml.syntax", tab < text.size() ? tab : offset, 1, "a tab cannot indent", "indent with spaces");

  const bool at_end = offset >= behind_all;
  if (is(YAML::ErrorMsg::END_OF_SEQ_FLOW) || is(YAML::ErrorMsg::END_OF_MAP_FLOW)) {
    const Frame* const open = top();
    const bool is_list = is(YAML::ErrorMsg::END_OF_SEQ_FLOW);
    if (at_end && open != nullptr) {
      diagnostics_.error("yaml.syntax", text_.where(open->place), is_list ? "this `[` is never closed" : "this `{` is never closed",
                         is_list ? "add the closing `]`" : "add the closing `}`");
      return;
    }
    return add("yaml.syntax", offset, 1, std::string("expected `,` or `") + (is_list ? "]" : "}") + "` here", std::string(quotes_help));
  }
  if (is(YAML::ErrorMsg::EOF_IN_SCALAR)) {
    const std::size_t quote = find_unclosed_quote();
    return add("yaml.syntax", quote == std::string_view::npos ? offset : quote, 1, "the text that is quoted here is never closed",
               "add the closing quote");
  }
  if (is(YAML::ErrorMsg::END_OF_MAP) || is(YAML::ErrorMsg::END_OF_SEQ))
    return add("yaml.syntax", offset, 1,
               is(YAML::ErrorMsg::END_OF_MAP) ? "this is neither the next key of the map nor its end"
                                              : "this is neither the next `- ` entry of the list nor its end",
               "check the indentation; " + std::string(quotes_help));
  if (is(YAML::ErrorMsg::MAP_VALUE))
    return add("yaml.syntax", offset, 1, "a `:` cannot stand here",
               "a key stands on one line, indented like the keys beside it; text that contains `: ` needs quotes");
  if (is(YAML::ErrorMsg::MAP_KEY)) return add("yaml.syntax", offset, 1, "a key cannot begin here", "check the indentation");
  if (is(YAML::ErrorMsg::BLOCK_ENTRY))
    return add("yaml.syntax", offset, 1, "a `- ` entry cannot begin here", "begin it on a line of its own, or write the list as [a, b]");
  if (is(YAML::ErrorMsg::FLOW_END))
    return add("yaml.syntax", offset, 1, shown(offset) + " closes nothing that is open here", std::string(quotes_help));
  if (is(YAML::ErrorMsg::UNKNOWN_TOKEN))
    return add("yaml.syntax", offset, 1, "text without quotes cannot begin with " + shown(offset), "put the text in quotes");
  if (is(YAML::ErrorMsg::INVALID_ESCAPE)) {
    if (offset > 0 && offset < text.size()) --offset;
    return add("yaml.syntax", offset, 1, shown(offset) + " is no escape in a text in double quotes",
               R"(write `\\` for a backslash, or use single quotes)");
  }
  if (is(YAML::ErrorMsg::INVALID_UNICODE)) {  // halves of a pair, as JSON writes it, and numbers beyond the last character
    const std::size_t backslash = offset == 0 ? std::string_view::npos : text.rfind('\\', offset - 1);
    const std::size_t begin = backslash == std::string_view::npos ? offset : backslash;
    return add("yaml.syntax", begin, std::max<std::size_t>(offset - begin, 1),
               "`" + printable(text.substr(begin, offset - begin), 16) + "` is the escape of no character",
               R"(write the character itself, or `\U` and eight digits: two `\u` are not joined to one character)");
  }
  if (is(YAML::ErrorMsg::UNKNOWN_ANCHOR)) {
    const std::string_view name = text.substr(offset, text_.word_end(offset) - offset);
    return add("yaml.unknown_alias", offset, name.size(), "the alias `" + printable(name, 60) + "` refers to nothing above it",
               "text that begins with `*` needs quotes");
  }
  if (is(YAML::ErrorMsg::DOC_IN_SCALAR))
    return add("yaml.syntax", offset, 3, "a text in quotes contains a line `---` or `...`", "indent that line");
  add("yaml.syntax", offset, 1, printable(message, 120));
}

std::size_t YamlBuilder::find_unclosed_quote() const {
  const std::string_view text = text_.bytes();
  for (std::size_t i = behind_; i < text.size(); ++i) {
    const bool opens = (text[i] == '"' || text[i] == '\'') &&
                       (i == 0 || is_blank(text[i - 1]) || std::string_view("[{,:").find(text[i - 1]) != std::string_view::npos);
    if (text[i] == '#' && i > 0 && is_blank(text[i - 1])) i = std::min(text.find('\n', i), text.size());
    if (!opens) continue;
    const std::size_t end = text_.quoted_end(i);
    if (end == std::string_view::npos) return i;
    i = end - 1;
  }
  return std::string_view::npos;
}

std::size_t YamlBuilder::find_dash(std::size_t offset) const {
  for (;;) {
    offset = text_.skip_space(offset);
    const char c = text_.at(offset);
    if (c == '-') return offset;
    if (c != ']' && c != '}' && c != ':') return std::string_view::npos;
    ++offset;
  }
}

}  // namespace tenon::host

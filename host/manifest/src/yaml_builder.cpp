#include "yaml_builder.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "yaml_scalar.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_errors = 100;  // of one text; a person reads the first few
constexpr std::string_view core_tag = "tag:yaml.org,2002:";

std::size_t offset_of(const YAML::Mark& mark) { return mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos); }

std::string quoted(std::string_view text) { return "`" + printable(text, 60) + "`"; }

}  // namespace

void YamlBuilder::error(std::string code, const Place& place, std::string message, std::string help) {
  diagnostics_.error(std::move(code), text_.where(place), std::move(message), std::move(help));
  if (++errors_ >= max_errors) throw Stop{};
}

void YamlBuilder::stop(std::string code, const Place& place, std::string message, std::string help) {
  diagnostics_.error(std::move(code), text_.where(place), std::move(message), std::move(help));
  throw Stop{};
}

void YamlBuilder::count(const Place& place, std::size_t nodes) {
  nodes_ += nodes;
  if (nodes_ > limits_.max_nodes)
    stop("yaml.limit", place, "the text has more than " + std::to_string(limits_.max_nodes) + " nodes, aliases written out",
         aliases_ != 0 ? "write the repeated parts out, or leave them out" : "");
}

bool YamlBuilder::inside_dropped() const {
  return std::any_of(frames_.begin(), frames_.end(), [](const Frame& f) { return f.dropped || f.key_dropped; });
}

void YamlBuilder::OnDocumentStart(const YAML::Mark& mark) {
  // yaml-cpp takes directives without the `---` that must follow them.
  if (text_.at(text_.skip_space(0)) == '%' && text_.bytes().substr(offset_of(mark), 3) != "---")
    stop("yaml.syntax", text_.place(text_.skip_space(0)), "a directive must be followed by a line `---`",
         "text that begins with `%` needs quotes");
  behind_ = offset_of(mark);
}

// ---- nodes ----

void YamlBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const std::size_t offset = text_.skip_properties(offset_of(mark));
  // yaml-cpp gives the place of the next token when nothing is written. Is it a word that means null, and not the next key?
  std::size_t length = text_.at(offset) == '~' ? 1 : text_.at(offset + 3) != '\0' && is_yaml_null(text_.bytes().substr(offset, 4)) ? 4 : 0;
  if (length != 0) {
    const std::size_t next = text_.skip_blanks(offset + length);
    const bool ends = next > offset + length || std::string_view(",]}\r\n:").find(text_.at(next)) != std::string_view::npos ||
                      next >= text_.bytes().size();
    if (!ends || (text_.at(next) == ':' && !key_expected())) length = 0;
  }
  Frame* const f = top();
  Place place;
  if (length != 0) {
    place = text_.place(offset, length);
    behind_ = offset + length;
  } else if (f == nullptr) {
    place = {1, 1, 1};
  } else if (f->is_map && !f->expects_key) {
    place = f->key_place;
  } else if (f->is_flow || f->is_map) {
    place = text_.place(std::min(offset, text_.bytes().size() - 1));
  } else {
    const std::size_t dash = find_dash(behind_);
    place = dash == std::string_view::npos ? f->place : text_.place(dash);
    if (dash != std::string_view::npos) behind_ = dash + 1;
  }
  count(place);
  open_anchor(anchor);
  close_anchor(anchor);
  if (f != nullptr && f->is_flow && !f->is_map && length == 0 && anchor == 0)
    error("yaml.syntax", place, "an entry is missing between `[`, `,` and `]`", "remove the comma, or write the entry");
  if (key_expected())
    return refuse_key(place, length == 0 ? "a key is missing" : "a key is null, expected a string", "write a name, or put it in quotes");
  has_root_ = has_root_ || f != nullptr || length != 0;
  attach(Value(), place);
}

void YamlBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) {
  std::size_t offset = offset_of(mark);
  const char first = text_.at(offset);
  if (first == '&' || first == '!') offset = text_.skip_properties(offset);
  const bool nothing = value.empty() && tag != "?" && text_.at(offset) != '"' && text_.at(offset) != '\'';
  const Extent at = nothing ? Extent{text_.place(offset_of(mark)), offset} : extent(offset, value);
  behind_ = std::max(behind_, at.end);
  count(at.place);
  open_anchor(anchor);
  std::optional<Value> resolved = resolve(tag, value, at.place, offset_of(mark));
  if (key_expected()) {
    if (anchor != 0) anchors_[anchor - 1].state = Anchor::State::dropped;  // keys cannot be referred to
    return key(at, offset, value, resolved && resolved->is_string());
  }
  close_anchor(anchor);
  attach(resolved ? std::move(*resolved) : Value(), at.place);
}

YamlBuilder::Extent YamlBuilder::extent(std::size_t offset, const std::string& value) {
  const char c = text_.at(offset);
  std::size_t end = offset + value.size();
  if (c == '"' || c == '\'') {
    end = text_.quoted_end(offset);
    // yaml-cpp takes the end of the file for the closing quote.
    if (end == std::string_view::npos)
      stop("yaml.syntax", text_.place(offset), "the text that is quoted here is never closed", std::string("add the closing `") + c + "`");
    const std::size_t line_end = text_.line_end(offset);
    return {text_.place(offset, std::min(end, line_end) - offset), end};
  }
  if (text_.bytes().compare(offset, value.size(), value) == 0) return {text_.place(offset, value.size()), end};
  // A block scalar, or a plain one over several lines: the first line stands for it.
  end = text_.line_end(offset);
  return {text_.place(offset, end - offset), end};
}

std::optional<Value> YamlBuilder::resolve(const std::string& tag, const std::string& text, const Place& place, std::size_t node) {
  if (tag == "?") {
    std::optional<Value> out = resolve_plain_scalar(text);
    if (!out)
      error("yaml.number", place, quoted(text) + " is not a number within range",
            "numbers are finite and at most 1.8e308; quote it to mean text");
    return out;
  }
  const std::string_view name =
      std::string_view(tag).substr(0, core_tag.size()) == core_tag ? std::string_view(tag).substr(core_tag.size()) : std::string_view();
  if (tag == "!" || name == "str") return Value(text);
  if (name == "null" || name == "bool" || name == "int" || name == "float") {
    std::optional<Value> out = resolve_plain_scalar(text);
    if (out && name == "float" && out->kind() == Value::Kind::integer) out = Value(static_cast<double>(*out->as_integer()));
    const Value::Kind expected = name == "null"   ? Value::Kind::null
                                 : name == "bool" ? Value::Kind::boolean
                                 : name == "int"  ? Value::Kind::integer
                                                  : Value::Kind::real;
    if (out && out->kind() == expected) return out;
    error("yaml.tag", place, quoted(text) + " does not agree with its tag `!!" + std::string(name) + "`");
    return std::nullopt;
  }
  refuse_tag(tag, node);
  return std::nullopt;
}

void YamlBuilder::refuse_tag(const std::string& tag, std::size_t node) {
  while (text_.at(node) == '&') node = text_.skip_space(text_.word_end(node));
  error("yaml.tag", text_.place(node, text_.word_end(node) - node), "the tag " + quoted(tag) + " is not supported here",
        "remove it; known are !!str !!int !!float !!bool !!null !!seq !!map");
}

void YamlBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const std::size_t offset = offset_of(mark);
  const std::size_t end = text_.word_end(offset);
  const Place place = text_.place(offset, end - offset);
  behind_ = end;
  const std::string name = quoted(text_.bytes().substr(offset, end - offset));
  if (++aliases_ > limits_.max_aliases)
    stop("yaml.limit", place, "the text has more than " + std::to_string(limits_.max_aliases) + " aliases");
  if (key_expected()) return refuse_key(place, "a key cannot be the alias " + name, "write the key out");
  Value copy;
  const Anchor& target = anchors_.at(anchor - 1);
  if (target.state == Anchor::State::open) {
    stop("yaml.cyclic_alias", place, "the alias " + name + " stands inside of what it refers to", "write the value out");
  } else if (target.state == Anchor::State::complete) {
    const Value* const value = anchored(target);
    count(place, size_of(*value, frames_.size() + 1, place));
    copy = *value;
  } else if (errors_ == 0) {
    error("yaml.unknown_alias", place, "the alias " + name + " refers to a key", "only values can be referred to");
  }
  attach(std::move(copy), place);
}

// ---- lists and maps ----

void YamlBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value style) {
  Frame f;
  f.is_flow = style == YAML::EmitterStyle::Flow;
  begin_container(offset_of(mark), tag, "seq", anchor, std::move(f));
}

void YamlBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value style) {
  Frame f;
  f.is_map = true;
  f.is_flow = style != YAML::EmitterStyle::Block;
  begin_container(offset_of(mark), tag, "map", anchor, std::move(f));
}

void YamlBuilder::begin_container(std::size_t offset, const std::string& tag, std::string_view expected_tag, YAML::anchor_t anchor,
                                  Frame frame) {
  const std::size_t node = offset;
  if (tag != "?" || anchor != 0) offset = text_.skip_properties(offset);
  frame.place = text_.place(offset);
  frame.anchor = anchor;
  behind_ = std::max(behind_, frame.is_flow ? offset + 1 : offset);
  count(frame.place);
  if (frames_.size() >= limits_.max_depth)
    stop("yaml.limit", frame.place, "values are nested deeper than " + std::to_string(limits_.max_depth) + " levels");
  if (flow_only_ && !frame.is_flow)
    stop("yaml.syntax", frame.place, "expected a single value, a list `[a, b]` or a map `{a: 1}`",
         "text with `: ` or a leading `- ` needs quotes");
  if (tag != "?" && tag != "!" && tag != std::string(core_tag) + std::string(expected_tag)) refuse_tag(tag, node);
  open_anchor(anchor);
  if (key_expected()) {
    frame.dropped = true;  // will be refused when it has ended
  } else if (Frame* const parent = top()) {
    frame.dropped = parent->is_map && parent->key_dropped;
  }
  has_root_ = true;
  if (frames_.empty()) frames_.reserve(8);
  frames_.push_back(std::move(frame));
}

void YamlBuilder::end_container() {
  Frame f = std::move(frames_.back());
  frames_.pop_back();
  close_anchor(f.anchor);
  if (key_expected())
    return refuse_key(f.place, std::string("a key is a ") + (f.is_map ? "map" : "list") + ", expected a string",
                      "put it in quotes to mean text");
  attach(f.is_map ? Value(std::move(f.map)) : Value(std::move(f.list)), f.place);
}

void YamlBuilder::attach(Value value, const Place& place) {
  value.set_where(text_.where(place));
  Frame* const f = top();
  if (f == nullptr) {
    root_ = std::move(value);
    has_root_ = has_root_ || !root_.is_null();
  } else if (!f->is_map) {
    f->list.push_back(std::move(value));
  } else {
    if (!f->key_dropped) f->map.set(std::move(f->key), std::move(value), text_.where(f->key_place));
    f->key_dropped = false;
    f->expects_key = true;
  }
}

void YamlBuilder::refuse_key(const Place& place, std::string message, std::string help) {
  Frame& f = frames_.back();
  f.key_dropped = true;
  f.key_place = place;
  f.expects_key = false;
  error("yaml.key_type", place, std::move(message), std::move(help));
}

void YamlBuilder::key(const Extent& at, std::size_t offset, const std::string& text, bool is_string) {
  Frame& f = frames_.back();
  if (!f.is_flow) check_colon(at, offset, text);
  if (f.is_flow && text_.skip_space(at.end) == text_.bytes().size()) {
    // yaml-cpp takes the last entry of a bracket that is never closed for a key; the missing bracket is what it will report next.
    f.key_dropped = true;
    f.expects_key = false;
    return;
  }
  if (!is_string)
    return refuse_key(at.place, "the key " + quoted(text) + " is not a string", "keys are strings: write \"" + printable(text, 60) + "\"");
  f.key_place = at.place;
  f.expects_key = false;
  if (const ValueMap::Member* const first = f.map.find_member(text)) {
    f.key_dropped = true;
    return error("yaml.duplicate_key", at.place, "the key " + quoted(text) + " is given twice",
                 "it was first given in line " + std::to_string(first->key_where.line) + "; keep one of them");
  }
  f.key = text;
}

// yaml-cpp takes a line without a colon at the end of a block map for a key with the value null.
void YamlBuilder::check_colon(const Extent& at, std::size_t offset, const std::string& text) {
  const bool one_line = text_.at(offset) == '"' || text_.at(offset) == '\'' || text_.bytes().compare(offset, text.size(), text) == 0;
  if (one_line && text_.at(text_.skip_blanks(at.end)) == ':') return;
  std::size_t before = offset;
  while (before > 0 && std::string_view(" \t\r\n").find(text_.at(before - 1)) != std::string_view::npos) --before;
  if (before > 0 && text_.at(before - 1) == '?' && before < offset) return;  // `? key` may stand alone
  if (text_.bytes().find('?') < offset && text_.at(text_.skip_space(at.end)) == ':') return;
  stop("yaml.syntax", at.place, "expected `:` and a value after the key " + quoted(text), "a list entry begins with `- `");
}

// ---- anchors ----

void YamlBuilder::open_anchor(YAML::anchor_t anchor) {
  if (anchor == 0) return;
  if (anchors_.size() < anchor) anchors_.resize(anchor);
  Anchor& a = anchors_[anchor - 1];
  a.path.reserve(frames_.size());
  for (const Frame& f : frames_) a.path.push_back(static_cast<std::uint32_t>(f.size()));
  if (inside_dropped()) a.state = Anchor::State::dropped;
}

void YamlBuilder::close_anchor(YAML::anchor_t anchor) {
  if (anchor != 0 && anchors_[anchor - 1].state == Anchor::State::open) anchors_[anchor - 1].state = Anchor::State::complete;
}

const Value* YamlBuilder::anchored(const Anchor& anchor) {
  const Value* value = nullptr;  // null while the way leads through lists and maps that have not ended
  for (std::size_t level = 0; level < anchor.path.size(); ++level) {
    const std::uint32_t i = anchor.path[level];
    if (value != nullptr) {
      value = value->is_map() ? &(value->as_map()->begin() + i)->value : &(*value->as_list())[i];
    } else if (i < frames_[level].size()) {
      const Frame& f = frames_[level];
      value = f.is_map ? &(f.map.begin() + i)->value : &f.list[i];
    }
  }
  return value;
}

std::size_t YamlBuilder::size_of(const Value& value, std::size_t depth, const Place& place) {
  std::size_t out = 1;
  const ValueMap* const map = value.as_map();
  const ValueList* const list = value.as_list();
  if ((map != nullptr || list != nullptr) && depth > limits_.max_depth)
    stop("yaml.limit", place, "values are nested deeper than " + std::to_string(limits_.max_depth) + " levels, aliases written out");
  if (map != nullptr)
    for (const ValueMap::Member& m : *map) out += 1 + size_of(m.value, depth + 1, place);
  if (list != nullptr)
    for (const Value& v : *list) out += size_of(v, depth + 1, place);
  return out;
}

}  // namespace tenon::host

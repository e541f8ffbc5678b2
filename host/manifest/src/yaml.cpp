#include "manifest/yaml.hpp"

#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>

#include "manifest/yaml_paths.hpp"
#include "yaml_builder.hpp"
#include "yaml_plain.hpp"
#include "yaml_text.hpp"

namespace tenon::host {
namespace {

/// Reads a text in place.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* const begin = const_cast<char*>(text.data());  // NOLINT: the interface is older than const; nothing writes through a get area
    setg(begin, begin, begin + text.size());
  }
};

/// Is told of a second document, which is one too many.
class NoSecondDocument final : public YAML::EventHandler {
 public:
  explicit NoSecondDocument(YamlText& text, Diagnostics& diagnostics) : text_(text), diagnostics_(diagnostics) {}
  void OnDocumentStart(const YAML::Mark& mark) override {
    const auto offset = static_cast<std::size_t>(std::max(mark.pos, 0));
    if (text_.bytes().substr(offset, 3) == "---")
      diagnostics_.error("yaml.second_document", text_.where(offset, 3), "a second document begins here", "one file holds one document");
    else
      diagnostics_.error("yaml.syntax", text_.where(offset), "this text belongs to nothing above it",
                         "check the indentation and the brackets above");
    throw YamlBuilder::Stop{};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  YamlText& text_;
  Diagnostics& diagnostics_;
};

enum class Way : std::uint8_t { any, yaml_cpp, yaml_cpp_flow };

std::optional<Value> parse(const SourceRef& source, Diagnostics& diagnostics, const YamlLimits& limits, Way way) {
  Diagnostics found;
  std::optional<Value> out;
  std::optional<YamlText> text = YamlText::check(source, limits, found);
  if (text && way == Way::any) {
    out = parse_plain(*text, limits);
    if (out) return out;
  }
  const bool flow_only = way == Way::yaml_cpp_flow;
  if (text) {
    YamlBuilder builder(*text, limits, found, flow_only);
    try {
      ViewBuffer buffer(text->bytes());
      std::istream stream(&buffer);
      YAML::Parser parser(stream);
      if (parser.HandleNextDocument(builder)) {
        NoSecondDocument rest(*text, found);
        parser.HandleNextDocument(rest);
      }
      out = builder.take();
      if (builder.empty() && text->at(text->skip_space(0)) == '%')
        found.error("yaml.syntax", text->where(text->skip_space(0)), "a directive must be followed by a document",
                    "text that begins with `%` needs quotes");
      if (builder.empty() && !flow_only) out = Value(ValueMap());
      if (builder.empty()) out->set_where(text->where(0));
    } catch (const YamlBuilder::Stop&) {
      // reported
    } catch (const YAML::Exception& e) {
      builder.report(e);
    }
  }
  if (found.has_errors()) out.reset();
  diagnostics.append(std::move(found));
  return out;
}

}  // namespace

std::optional<Value> parse_yaml(const SourceRef& source, Diagnostics& diagnostics, const YamlLimits& limits) {
  return parse(source, diagnostics, limits, Way::any);
}

std::optional<Value> parse_yaml_flow(const SourceRef& source, Diagnostics& diagnostics) {
  return parse(source, diagnostics, YamlLimits{}, Way::yaml_cpp_flow);
}

std::optional<Value> parse_yaml_with_yaml_cpp(const SourceRef& source, Diagnostics& diagnostics, const YamlLimits& limits) {
  return parse(source, diagnostics, limits, Way::yaml_cpp);
}

std::optional<Value> parse_plain_yaml(const SourceRef& source, const YamlLimits& limits) {
  Diagnostics unused;
  std::optional<YamlText> text = YamlText::check(source, limits, unused);
  return text ? parse_plain(*text, limits) : std::nullopt;
}

}  // namespace tenon::host

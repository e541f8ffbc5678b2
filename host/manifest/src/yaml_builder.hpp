// Events of yaml-cpp -> Value, with the checks that yaml-cpp leaves out.
#pragma once

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>

#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/value.hpp"
#include "manifest/yaml.hpp"
#include "yaml_text.hpp"

namespace tenon::host {

/// Builds one document. Reports what it finds and goes on where that makes sense; throws Stop, after having reported, where it does not.
class YamlBuilder final : public YAML::EventHandler {
 public:
  struct Stop {};
  YamlBuilder(YamlText& text, const YamlLimits& limits, Diagnostics& diagnostics, bool flow_only)
      : text_(text), limits_(limits), diagnostics_(diagnostics), flow_only_(flow_only) {}

  /// Nothing but blanks and comments, or an explicit document without a node.
  [[nodiscard]] bool empty() const { return !has_root_; }
  Value take() { return std::move(root_); }
  /// What yaml-cpp refused, in words that say how to go on.
  void report(const YAML::Exception& e);

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override { end_container(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value style) override;
  void OnMapEnd() override { end_container(); }

 private:
  /// A list or map whose end has not been seen.
  struct Frame {
    bool is_map = false, is_flow = false;
    bool expects_key = true;   ///< of a map: the next node is a key
    bool key_dropped = false;  ///< of a map: the next value has no place to go
    bool dropped = false;      ///< goes nowhere when it ends: value of a refused key, or itself a refused key
    YAML::anchor_t anchor = 0;
    ValueMap map;
    ValueList list;
    std::string key;
    Place place, key_place;
    [[nodiscard]] std::size_t size() const { return is_map ? map.size() : list.size(); }
  };
  /// Where the node with an anchor is: for each level of the tree the index of the child to take.
  struct Anchor {
    enum class State { open, complete, dropped } state = State::open;
    std::vector<std::uint32_t> path;
  };
  /// A scalar's place in the text and the offset behind it.
  struct Extent {
    Place place;
    std::size_t end;
  };

  Frame* top() { return frames_.empty() ? nullptr : &frames_.back(); }
  bool key_expected() { return !frames_.empty() && frames_.back().is_map && frames_.back().expects_key; }
  bool inside_dropped() const;
  [[noreturn]] void stop(std::string code, const Place& place, std::string message, std::string help = {});
  void error(std::string code, const Place& place, std::string message, std::string help = {});
  void count(const Place& place, std::size_t nodes = 1);
  void begin_container(std::size_t offset, const std::string& tag, std::string_view expected_tag, YAML::anchor_t anchor, Frame frame);
  void end_container();
  void attach(Value value, const Place& place);
  void key(const Extent& at, std::size_t offset, const std::string& text, bool is_string);
  void refuse_key(const Place& place, std::string message, std::string help);
  void check_colon(const Extent& at, std::size_t offset, const std::string& text);
  Extent extent(std::size_t offset, const std::string& value);
  std::optional<Value> resolve(const std::string& tag, const std::string& text, const Place& place, std::size_t node);
  void refuse_tag(const std::string& tag, std::size_t node);
  void open_anchor(YAML::anchor_t anchor);
  void close_anchor(YAML::anchor_t anchor);
  const Value* anchored(const Anchor& anchor);
  std::size_t size_of(const Value& value, std::size_t depth, const Place& place);
  std::size_t find_unclosed_quote() const;
  std::size_t find_dash(std::size_t offset) const;

  YamlText& text_;
  const YamlLimits& limits_;
  Diagnostics& diagnostics_;
  bool flow_only_;
  std::vector<Frame> frames_;
  std::vector<Anchor> anchors_;  ///< by yaml-cpp's number, counted from 1
  Value root_;
  bool has_root_ = false;
  std::size_t nodes_ = 0, aliases_ = 0, errors_ = 0;
  std::size_t behind_ = 0;  ///< offset behind the last scalar, alias or opening bracket
};

}  // namespace tenon::host

// The text of metrics, read back strictly.
#pragma once

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>

namespace tenon::host::test {

/// Reads exposition format 0.0.4, strictly; throws on what is not it.
struct Parsed {
  std::map<std::string, std::string> type, help;
  std::map<std::string, double> samples;  ///< `name{a="x",b="y"}`, labels sorted, unescaped

  explicit Parsed(const std::string& text) {
    if (!text.empty() && text.back() != '\n') throw std::string("no line feed at the end");
    std::string family;
    std::set<std::string> closed;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      const std::string line = text.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("# HELP ")) {
        const std::size_t space = line.find(' ', 7);
        const std::string name = line.substr(7, space - 7);
        if (!family.empty()) closed.insert(family);
        if (closed.contains(name) || !help.emplace(name, line.substr(space + 1)).second) throw "two groups: " + line;
        family = name;
      } else if (line.starts_with("# TYPE ")) {
        const std::size_t space = line.find(' ', 7);
        if (line.substr(7, space - 7) != family || !type.emplace(family, line.substr(space + 1)).second) throw "misplaced: " + line;
      } else {
        sample(line, family);
      }
    }
    for (const auto& [name, kind] : type)
      if (kind == "histogram") check_histogram(name);
  }

 private:
  void sample(const std::string& line, const std::string& family) {
    std::size_t i = 0;
    const auto word = [&] {
      const std::size_t begin = i;
      while (i < line.size() && (std::isalnum(static_cast<unsigned char>(line[i])) != 0 || line[i] == '_')) ++i;
      if (i == begin) throw "a name is missing: " + line;
      return line.substr(begin, i - begin);
    };
    const auto expect = [&](char c) {
      if (i >= line.size() || line[i++] != c) throw "expected " + std::string(1, c) + ": " + line;
    };
    const std::string name = word();
    const std::string kind = type.contains(family) ? type[family] : "";
    const bool own =
        kind == "histogram" ? name == family + "_bucket" || name == family + "_sum" || name == family + "_count" : name == family;
    if (!own) throw "not of the group " + family + ": " + line;
    std::map<std::string, std::string> labels;
    expect('{');
    while (line[i] != '}') {
      if (!labels.empty()) expect(',');
      const std::string label = word();
      expect('=');
      expect('"');
      std::string value;
      for (; i < line.size() && line[i] != '"'; ++i) {
        if (line[i] != '\\') {
          value += line[i];
          continue;
        }
        const char c = line.at(++i);
        if (c != '\\' && c != '"' && c != 'n') throw "unknown escape: " + line;
        value += c == 'n' ? '\n' : c;
      }
      expect('"');
      if (!labels.emplace(label, value).second) throw "a label twice: " + line;
    }
    expect('}');
    expect(' ');
    const std::string number = line.substr(i);
    std::size_t used = 0;
    const double value = number == "+Inf"   ? std::numeric_limits<double>::infinity()
                         : number == "-Inf" ? -std::numeric_limits<double>::infinity()
                         : number == "NaN"  ? (used = number.size(), std::nan(""))
                                            : std::stod(number, &used);
    if (used != number.size() && !std::isinf(value)) throw "no number: " + line;
    std::string key = name + "{";
    for (const auto& [l, v] : labels) key += (key.back() == '{' ? "" : ",") + l + "=\"" + v + "\"";
    if (!samples.emplace(key + "}", value).second) throw "twice: " + line;
  }

  /// Buckets never fall, end with +Inf, and that is the count.
  void check_histogram(const std::string& name) {
    for (const auto& [key, count] : samples) {
      if (!key.starts_with(name + "_count{")) continue;
      const std::string labels = key.substr(name.size() + 7, key.size() - name.size() - 8);
      std::map<double, double> buckets;
      for (const auto& [bucket, value] : samples) {
        if (!bucket.starts_with(name + "_bucket{")) continue;
        const std::size_t le = bucket.find("le=\"");
        const std::size_t end = bucket.find('"', le + 4);
        std::string rest = bucket.substr(name.size() + 8, le - name.size() - 8) + bucket.substr(std::min(end + 2, bucket.size() - 1));
        if (rest.ends_with("}")) rest.pop_back();
        if (rest.ends_with(",")) rest.pop_back();
        const std::string bound = bucket.substr(le + 4, end - le - 4);
        if (rest == labels) buckets[bound == "+Inf" ? std::numeric_limits<double>::infinity() : std::stod(bound)] = value;
      }
      double before = 0;
      for (const auto& [bound, value] : buckets) {
        if (value < before) throw "buckets fall: " + key;
        before = value;
      }
      if (buckets.empty() || !std::isinf(buckets.rbegin()->first) || before != count) throw "buckets do not add up: " + key;
      if (!samples.contains(name + "_sum{" + labels + "}")) throw "no sum: " + key;
    }
  }
};

}  // namespace tenon::host::test

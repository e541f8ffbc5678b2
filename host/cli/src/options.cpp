#include "options.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <filesystem>
#include <optional>
#include <sstream>

#include "base/text.hpp"

namespace tenon::host {
namespace {

namespace po = boost::program_options;

struct Command {
  std::string_view name, arguments, summary, details;
};

constexpr Command commands[] = {
    {"run", "", "run the daemon (the default)",
     "Reads configuration and manifests, checks everything that can be checked without running a module, loads the modules and drives\n"
     "them through their lifecycle until SIGTERM or SIGINT. SIGHUP reloads, SIGUSR1 opens the log file again, SIGQUIT prints the state."},
    {"migrate", "", "run phases 0 to 4 and the migrations, then exit (the same as --migrate-only)",
     "Opens no port and calls no module's init. Ends with 0 only if every module with migrations is at its newest version."},
    {"check", "", "everything `run` checks before it runs a module; loads nothing, writes nothing",
     "Prints every finding with its place and how to mend it, and exits as `run` would. What only a start shows is left out: a damaged\n"
     "store, another daemon."},
    {"list", "", "the modules found, and what would become of them",
     "With --running: what the running daemon of this state directory says (status.json)."},
    {"graph", "", "the order of the modules and what they require", "Formats: text, dot (GraphViz), json, svg."},
    {"config", "", "the effective configuration, with the source of every value; secrets are masked", ""},
    {"inspect", "FILE.so", "what the gate sees in a module's file, without running it", "Exits with 0 if the file would be accepted."},
    {"audit", "verify [FILE]", "whether the audit log is as it was written: nothing changed, removed, inserted or cut off",
     "Without FILE that of the configuration. Exits with 0 if it is, with 65 if not, with 66 if there is none. What cannot be seen: that "
     "records at the\n"
     "beginning are missing, as after a rotation; that those of the last second are; that the file and FILE.head were exchanged together."},
};

const Command* find_command(std::string_view name) {
  const auto* c = std::find_if(std::begin(commands), std::end(commands), [name](const Command& x) { return x.name == name; });
  return c == std::end(commands) ? nullptr : c;
}

po::options_description general_options() {
  po::options_description d("Options", 100, 60);
  d.add_options()("help,h", "print this help")("version", "print version, ABI and interfaces")(
      "config,c", po::value<std::vector<std::string>>()->composing()->value_name("FILE"),
      "configuration file; repeatable, later wins (default /etc/tenon/tenon.yaml)")(
      "set", po::value<std::vector<std::string>>()->composing()->value_name("PATH=VALUE"), "one setting; repeatable")(
      "state-dir", po::value<std::string>()->value_name("DIR"), "the daemon's own directory")(
      "plugins-dir", po::value<std::vector<std::string>>()->composing()->value_name("DIR"),
      "where plugins are; repeatable, replaces the configured list")("manifests-dir",
                                                                     po::value<std::vector<std::string>>()->composing()->value_name("DIR"),
                                                                     "where manifests are; repeatable, replaces the configured list")(
      "log-level", po::value<std::string>()->value_name("LEVEL"), "trace, debug, info, warn, error or fatal")(
      "log-format", po::value<std::string>()->value_name("FORMAT"), "text or json")("safe-mode", "run no plugin")(
      "output", po::value<std::string>()->value_name("FORMAT"), "text or json");
  return d;
}

po::options_description command_options(const std::string& command) {
  po::options_description d("Options of `" + command + "`", 100, 60);
  if (command == "run")
    d.add_options()("migrate-only", "the same as `tenond migrate`, with its options")(
        "strict", "check modules against the contract: a proxy around every table; slow")(
        "startup-report", po::value<std::string>()->value_name("FILE"), "write when each module went through each phase (.json or .svg)");
  if (command == "migrate")
    d.add_options()("dry-run", "say what would be done, and do nothing")("status", "say how far each module is, and do nothing")(
        "module", po::value<std::string>()->value_name("NAME"), "only this one");
  if (command == "list") d.add_options()("running", "ask the running daemon's status file");
  if (command == "graph") d.add_options()("format", po::value<std::string>()->value_name("FORMAT"), "text, dot, json or svg");
  return d;
}

// Those of `migrate`, which `run --migrate-only` knows, too.
constexpr const char* migrate_options[] = {"dry-run", "status", "module"};

// What a command line of the command may say: `run --migrate-only` is another spelling of `migrate`.
po::options_description accepted_options(const std::string& command) {
  po::options_description d = command_options(command);
  if (command == "run") d.add(command_options("migrate"));
  return d;
}

std::string absolute(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path p = std::filesystem::absolute(path, failed);
  return failed ? path : p.lexically_normal().string();
}

UsageError unknown_option(const std::string& option, const po::options_description& known) {
  std::vector<std::string> names;
  for (const auto& o : known.options()) names.push_back("--" + o->long_name());
  const std::vector<std::string_view> views(names.begin(), names.end());
  const auto near = nearest(option, views);
  return {"unknown option `" + printable(option) + "`", near ? "did you mean `" + std::string(*near) + "`?" : "see `tenond --help`"};
}

// The command is the first word that is no option and no option's value: its own options decide how the rest reads.
// `unknown_option`: the first one before it that no command has; its value, if it was to have one, is easily taken for a command.
std::string command_of(int argc, const char* const* argv, std::string& problem, std::string& unknown_option) {
  const po::options_description general = general_options();
  po::options_description every = general;
  for (const Command& c : commands) every.add(command_options(std::string(c.name)));
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--") break;
    if (!word.starts_with("-") || word == "-") {
      if (find_command(word) == nullptr) problem = word;
      return problem.empty() ? word : "run";
    }
    if (word.find('=') != std::string::npos) continue;
    const std::string name = word.starts_with("--") ? word.substr(2) : word;
    if (unknown_option.empty() && word.starts_with("--") && every.find_nothrow(name, false) == nullptr) unknown_option = word;
    const bool takes_value = word == "-c" || name == "startup-report" || name == "format" || name == "module" ||
                             (general.find_nothrow(name, false) != nullptr && general.find(name, false).semantic()->max_tokens() > 0);
    if (takes_value) ++i;
  }
  return "run";
}

// An empty path is a variable of the caller's that is not set: taken for "the default", it would start a daemon on another state directory.
std::optional<UsageError> empty_path(const po::variables_map& given) {
  for (const char* option : {"config", "state-dir", "plugins-dir", "manifests-dir", "startup-report"}) {
    if (given.count(option) == 0) continue;
    const boost::any& value = given[option].value();
    const auto* one = boost::any_cast<std::string>(&value);
    const auto* several = boost::any_cast<std::vector<std::string>>(&value);
    if ((one != nullptr && one->empty()) || (several != nullptr && std::find(several->begin(), several->end(), "") != several->end()))
      return UsageError{"`--" + std::string(option) + "` is empty", "give a path, or leave the option out"};
  }
  return std::nullopt;
}

void add_dedicated(const po::variables_map& given, ConfigInput& config) {
  const auto text = [&](const char* option, const char* path, bool is_path) {
    if (given.count(option) == 0) return;
    const std::string value = given[option].as<std::string>();
    config.options.push_back({path, is_path ? absolute(value) : value, std::string("--") + option});
  };
  const auto list = [&](const char* option, const char* path) {
    if (given.count(option) == 0) return;
    for (const std::string& value : given[option].as<std::vector<std::string>>())
      config.options.push_back({path, absolute(value), std::string("--") + option});
  };
  text("state-dir", "paths.state", true);
  list("plugins-dir", "paths.plugins");
  list("manifests-dir", "paths.manifests");
  text("log-level", "log.level", false);
  text("log-format", "log.format", false);
}

}  // namespace

const std::vector<std::string>& command_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Command& c : commands) out.emplace_back(c.name);
    return out;
  }();
  return names;
}

std::variant<Options, UsageError> parse_options(int argc, const char* const* argv) {
  Options out;
  std::string unknown_command, mistyped;
  out.command = command_of(argc, argv, unknown_command, mistyped);
  if (!unknown_command.empty() && !mistyped.empty()) return unknown_option(mistyped, general_options());
  if (!unknown_command.empty()) {
    const std::vector<std::string_view> views(command_names().begin(), command_names().end());
    const auto near = nearest(unknown_command, views);
    return UsageError{
        "unknown command `" + printable(unknown_command) + "`",
        near ? "did you mean `" + std::string(*near) + "`?" : "commands are run, migrate, check, list, graph, config, inspect, audit"};
  }
  po::options_description visible;
  visible.add(general_options()).add(accepted_options(out.command));
  po::options_description all = visible;
  all.add_options()("words", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("words", -1);
  po::variables_map given;
  try {
    using namespace po::command_line_style;  // NOLINT(google-build-using-namespace)
    // No guessing: a prefix that works today is another option tomorrow.
    const int style = unix_style & ~allow_guessing;
    po::store(po::command_line_parser(argc, argv).options(all).positional(positional).style(style).run(), given);
    po::notify(given);
  } catch (const po::unknown_option& e) {
    return unknown_option(e.get_option_name(), visible);
  } catch (const po::multiple_occurrences& e) {
    return UsageError{"option `" + printable(e.get_option_name()) + "` is given more than once", "give it once"};
  } catch (const po::error& e) {
    return UsageError{printable(e.what()), "see `tenond " + out.command + " --help`"};
  }
  if (std::optional<UsageError> empty = empty_path(given)) return std::move(*empty);
  out.help = given.count("help") != 0;
  out.version = given.count("version") != 0;
  out.safe_mode = given.count("safe-mode") != 0;
  out.running = given.count("running") != 0;
  out.strict = given.count("strict") != 0;
  out.migrate_only = given.count("migrate-only") != 0 || out.command == "migrate";
  if (!out.migrate_only)
    for (const char* option : migrate_options)
      if (given.count(option) != 0)
        return UsageError{"`--" + std::string(option) + "` goes with migrations only", "say `tenond migrate`, or `--migrate-only`"};
  out.dry_run = given.count("dry-run") != 0;
  out.status = given.count("status") != 0;
  if (out.dry_run && out.status) return UsageError{"`--dry-run` and `--status` exclude each other", "give one of them"};
  if (given.count("module") != 0) {
    out.module = given["module"].as<std::string>();
    if (!is_module_name(out.module))
      return UsageError{"--module is `" + printable(out.module) + "`", "expected the name of a module, as `tenond list` shows it"};
  }
  if (given.count("words") != 0) out.arguments = given["words"].as<std::vector<std::string>>();
  if (!out.arguments.empty() && out.arguments.front() == out.command) {
    out.arguments.erase(out.arguments.begin());
    out.command_given = true;
  }
  if (given.count("output") != 0) {
    const std::string format = given["output"].as<std::string>();
    if (format != "text" && format != "json") return UsageError{"--output is `" + printable(format) + "`", "expected text or json"};
    out.json = format == "json";
  }
  if (out.json && out.command == "run" && !out.migrate_only && !out.help && !out.version)
    return UsageError{"`run` has no output that could be JSON",
                      "for a log in JSON say `--log-format json`; `list --running` tells the state"};
  if (given.count("format") != 0) {
    out.graph_format = given["format"].as<std::string>();
    const std::vector<std::string> formats = {"text", "dot", "json", "svg"};
    if (std::find(formats.begin(), formats.end(), out.graph_format) == formats.end())
      return UsageError{"--format is `" + printable(out.graph_format) + "`", "expected text, dot, json or svg"};
  }
  if (out.json && out.graph_format == "text") out.graph_format = "json";
  if (given.count("startup-report") != 0) {
    out.startup_report = absolute(given["startup-report"].as<std::string>());
    if (!out.startup_report.ends_with(".json") && !out.startup_report.ends_with(".svg"))
      return UsageError{"--startup-report is `" + printable(out.startup_report) + "`",
                        "the name must end in .json or .svg, which decides the format"};
  }
  if (out.command == "audit" && !out.help && !out.version) {
    if (out.arguments.empty() || out.arguments.front() != "verify")
      return UsageError{
          out.arguments.empty() ? "audit needs to be told what to do" : "audit knows no `" + printable(out.arguments.front()) + "`",
          "write `tenond audit verify [FILE]`"};
    if (out.arguments.size() > 2)
      return UsageError{"`audit verify` takes one file, " + std::to_string(out.arguments.size() - 1) + " were given",
                        "see `tenond audit --help`"};
  }
  const std::size_t expected = out.command == "inspect" ? 1 : 0;
  if (!out.help && !out.version && out.command != "audit" && out.arguments.size() != expected)
    return UsageError{expected == 1 ? "inspect takes one file, " + std::to_string(out.arguments.size()) + " were given"
                                    : "unexpected argument `" + printable(out.arguments.front()) + "`",
                      "see `tenond " + out.command + " --help`"};
  if (given.count("config") != 0) {
    out.config.files = given["config"].as<std::vector<std::string>>();
    out.config.files_given = true;
  } else {
    out.config.files = {"/etc/tenon/tenon.yaml"};
  }
  if (given.count("set") != 0) out.config.sets = given["set"].as<std::vector<std::string>>();
  add_dedicated(given, out.config);
  return out;
}

bool asks_for_json(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") return false;
    if (word == "--output=json" || (word == "--output" && i + 1 < argc && std::string_view(argv[i + 1]) == "json")) return true;
  }
  return false;
}

std::string help_text(const std::string& command) {
  std::ostringstream out;
  if (const Command* c = find_command(command)) {
    out << "tenond " << c->name << (c->arguments.empty() ? "" : " ") << c->arguments << " - " << c->summary << "\n\n";
    if (!c->details.empty()) out << c->details << "\n\n";
    if (const po::options_description own = command_options(command); !own.options().empty()) out << own << "\n";
  } else {
    out << "tenond - plugin host daemon\n\nUsage: tenond [COMMAND] [OPTIONS]\n\nCommands:\n";
    for (const Command& x : commands) {
      const std::string head = std::string(x.name) + (x.arguments.empty() ? "" : " ") + std::string(x.arguments);
      out << "  " << head << std::string(head.size() < 18 ? 18 - head.size() : 1, ' ') << x.summary << "\n";
    }
    out << "\n" << command_options("run") << "\n";
  }
  out << general_options();
  out << "\nExit codes: 0 ok, 64 usage, 65 data, 66 file missing, 69 required module unavailable, 70 bug, 71 system, 73 cannot create,\n"
         "74 input/output, 75 try again, 77 permission, 78 configuration.\n";
  return out.str();
}

}  // namespace tenon::host

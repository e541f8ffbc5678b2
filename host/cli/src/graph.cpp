#include <unistd.h>

#include "base/file.hpp"
#include "commands.hpp"

namespace tenon::host {

ExitCode run_graph(const Options& options) {
  const Planned planned = plan_for(options);
  if (!planned.config) return planned.exit;
  std::string text;
  if (options.graph_format == "dot")
    text = graph_dot(planned.plan);
  else if (options.graph_format == "json")
    text = graph_json(planned.plan);
  else if (options.graph_format == "svg")
    text = graph_svg(planned.plan);
  else
    text = graph_text(planned.plan);
  if (!text.ends_with('\n')) text += '\n';
  return print(text);
}

}  // namespace tenon::host

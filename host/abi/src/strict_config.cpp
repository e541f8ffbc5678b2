// Proxies of tenon.config/1 and tenon.log_sink/1.
#include "strict_tables.hpp"

namespace tenon::host {

template <>
const tenon_config& real<tenon_config>() {
  return config_table;
}
template <>
const tenon_log_sink& real<tenon_log_sink>() {
  return log_sink_table;
}

// What only reads is as it is.
const tenon_config strict_config_table = [] {
  tenon_config table = config_table;
  table.on_change = guarded<&tenon_config::on_change, From::control, "tenon_config.on_change">;
  table.unsubscribe = guarded_id<&tenon_config::unsubscribe, From::any, "tenon_config.unsubscribe">;
  return table;
}();

const tenon_log_sink strict_log_sink_table = {sizeof(tenon_log_sink),
                                              0,
                                              guarded<&tenon_log_sink::attach, From::control, "tenon_log_sink.attach">,
                                              guarded_id<&tenon_log_sink::detach, From::any, "tenon_log_sink.detach">,
                                              guarded<&tenon_log_sink::level, From::any, "tenon_log_sink.level">,
                                              guarded<&tenon_log_sink::set_level, From::any, "tenon_log_sink.set_level">};

}  // namespace tenon::host

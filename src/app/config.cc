#include "app/config.h"

#include <toml++/toml.h>
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "codec/utf8.h"

namespace stampede::app {

namespace {

[[noreturn]] void Refuse(std::string text) { throw std::invalid_argument(std::move(text)); }

constexpr int64_t kHourMs = 3'600'000;

const std::vector<Setting>& Table() {
  static const std::vector<Setting> table = {
      {.name = "data", .text = &Config::data, .description = "directory of the store and of media"},
      {.name = "database",
       .text = &Config::database,
       .description = "PostgreSQL for many servers that are one, e.g. "
                      "postgresql://db1:5432,db2:5432/stampede; empty: the store in `data`"},
      {.name = "database_pool",
       .unit = "connections",
       .number = &Config::database_pool,
       .min = 1,
       .max = 1'000,
       .description = "to the database, at most"},
      {.name = "database_replica",
       .text = &Config::database_replica,
       .description = "another such address, of replicas that answer what may be some moments old"},
      {.name = "events",
       .text = &Config::events,
       .description = "NATS servers with JetStream, nats://A:4222,nats://B:4222, over which the "
                      "servers of one database hear of each other; empty: there is only this one"},
      {.name = "events_replicas",
       .unit = "copies",
       .number = &Config::events_replicas,
       .min = 1,
       .max = 5,
       .description = "of the events, each by another NATS server"},
      {.name = "events_mb",
       .unit = "MiB",
       .number = &Config::events_mb,
       .min = 1,
       .max = 1'000'000,
       .description = "of events that NATS keeps for servers that were away; the oldest go first"},
      {.name = "listen", .text = &Config::listen, .description = "address to serve on, HOST:PORT"},
      {.name = "base_url",
       .text = &Config::base_url,
       .description = "exactly what browsers use to reach the server, e.g. https://example.org; "
                      "default: http:// and the address served on"},
      {.name = "metrics_listen",
       .text = &Config::metrics_listen,
       .description = "loopback address for Prometheus; port 0 takes any, empty switches it off"},
      {.name = "title", .text = &Config::title, .description = "name of the server"},
      {.name = "description", .text = &Config::description, .description = "one paragraph on it"},
      {.name = "contact_email", .text = &Config::contact_email, .description = "shown to members"},
      {.name = "languages",
       .text = &Config::languages,
       .description = "codes, separated by commas; the first is the default of posts"},
      {.name = "registrations",
       .text = &Config::registrations,
       .description = "open, approval or closed"},
      {.name = "rules", .text = &Config::rules, .description = "one a line"},
      {.name = "trusted_proxies",
       .text = &Config::trusted_proxies,
       .description = "addresses or CIDR blocks whose X-Forwarded-For counts, by commas"},
      {.name = "log_level", .text = &Config::log_level, .description = "debug, info, warn, error"},
      {.name = "log_format", .text = &Config::log_format, .description = "logfmt or json"},
      {.name = "status_chars_max",
       .unit = "characters",
       .number = &Config::status_chars_max,
       .min = 1,
       .max = 10'000,
       .description = "longest post"},
      {.name = "workers",
       .unit = "threads",
       .number = &Config::workers,
       .min = 1,
       .max = 1024,
       .description = "requests handled at a time"},
      {.name = "io_threads",
       .unit = "threads",
       .number = &Config::io_threads,
       .min = 1,
       .max = 64,
       .description = "threads that serve sockets"},
      {.name = "connections_max",
       .unit = "connections",
       .number = &Config::connections_max,
       .min = 1,
       .max = 1'000'000,
       .description = "open connections at a time"},
      {.name = "header_timeout_ms",
       .unit = "ms",
       .number = &Config::header_timeout_ms,
       .min = 100,
       .max = kHourMs,
       .description = "for a request's header to arrive"},
      {.name = "body_timeout_ms",
       .unit = "ms",
       .number = &Config::body_timeout_ms,
       .min = 100,
       .max = kHourMs,
       .description = "for a request's body to arrive"},
      {.name = "idle_timeout_ms",
       .unit = "ms",
       .number = &Config::idle_timeout_ms,
       .min = 100,
       .max = kHourMs,
       .description = "for the next request on a connection"},
      {.name = "request_deadline_ms",
       .unit = "ms",
       .number = &Config::request_deadline_ms,
       .min = 100,
       .max = kHourMs,
       .description = "waiting for a worker included; later ones get 503"},
      {.name = "record_cache_mb",
       .unit = "MiB",
       .number = &Config::record_cache_mb,
       .min = 1,
       .max = 1'000'000,
       .description =
           "parsed records kept in memory and, in a quarter of it, what replies contain of them"},
      {.name = "block_cache_mb",
       .unit = "MiB",
       .number = &Config::block_cache_mb,
       .min = 1,
       .max = 1'000'000,
       .description = "store blocks kept in memory"},
      {.name = "write_buffer_mb",
       .unit = "MiB",
       .number = &Config::write_buffer_mb,
       .min = 1,
       .max = 4'096,
       .description =
           "of each of the store's three parts, before it is sorted into files; more makes "
           "much writing cheaper and a start after a crash slower"},
      {.name = "feeds_mb",
       .unit = "MiB",
       .number = &Config::feeds_mb,
       .min = 1,
       .max = 1'000'000,
       .description = "home feeds kept in memory; the least read go first"},
      {.name = "rate_limit_percent",
       .unit = "%",
       .number = &Config::rate_limit_percent,
       .min = 0,
       .max = 1'000'000,
       .description = "of Mastodon's limits; 0 switches them off"},
      {.name = "job_lease_ms",
       .unit = "ms",
       .number = &Config::job_lease_ms,
       .min = limits::kJobLeaseMsMin,
       .max = limits::kJobLeaseMsMax,
       .description =
           "how long a server that vanished keeps the jobs it had taken from the others"},
      {.name = "drain_ms",
       .unit = "ms",
       .number = &Config::drain_ms,
       .min = 0,
       .max = kHourMs,
       .description =
           "after SIGTERM, how long /health answers 503 before the server stops accepting: "
           "longer than a load balancer needs to notice"},
  };
  return table;
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find(separator), text.size());
    std::string_view part = codec::Trim(text.substr(0, end));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string EnvironmentName(std::string_view name) {
  std::string upper = "STAMPEDE_";
  for (char c : name) upper += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return upper;
}

void LoadFile(const std::string& file, Config& config) {
  try {
    toml::table table = toml::parse_file(file);
    for (auto&& [key, node] : table) {
      std::string_view name = key.str();
      if (auto text = node.value_exact<std::string>())
        Set(config, name, *text);
      else if (auto number = node.value_exact<int64_t>())
        Set(config, name, std::to_string(*number));
      else
        Refuse("setting " + std::string(name) + ": a text or a whole number is needed");
    }
  } catch (const toml::parse_error& error) {
    Refuse(file + ": " + std::string(error.description()));
  }
}

}  // namespace

std::span<const Setting> AllSettings() { return Table(); }

void Set(Config& config, std::string_view name, std::string_view value) {
  for (const Setting& setting : Table()) {
    if (setting.name != name) continue;
    if (setting.text) {
      config.*setting.text = std::string(value);
      return;
    }
    int64_t number = 0;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size() || number < setting.min ||
        number > setting.max) {
      Refuse("setting " + std::string(name) + ": a whole number from " +
             std::to_string(setting.min) + " to " + std::to_string(setting.max) + " is needed");
    }
    config.*setting.number = number;
    return;
  }
  Refuse("unknown setting " + std::string(name) + " (`stampede settings` lists them)");
}

Config LoadConfig(const std::string& file) {
  Config config;
  if (!file.empty()) LoadFile(file, config);
  for (const Setting& setting : Table()) {
    if (const char* value = std::getenv(EnvironmentName(setting.name).c_str())) {
      Set(config, setting.name, value);
    }
  }
  return config;
}

std::string DescribeSettings() {
  Config defaults;
  std::string text =
      "# Settings\n\nGenerated by `stampede settings`. Each can stand in the file given by "
      "`--config` (TOML) under its\nname, or in the environment; the environment wins, and flags "
      "win over both.\n\n"
      "| setting | environment | default | bounds | meaning |\n"
      "| --- | --- | --- | --- | --- |\n";
  for (const Setting& setting : Table()) {
    std::string value =
        setting.text ? defaults.*setting.text
                     : std::to_string(defaults.*setting.number) + " " + std::string(setting.unit);
    std::string bounds = setting.text
                             ? std::string()
                             : std::to_string(setting.min) + " to " + std::to_string(setting.max);
    text += "| " + std::string(setting.name) + " | " + EnvironmentName(setting.name) + " | " +
            value + " | " + bounds + " | " + std::string(setting.description) + " |\n";
  }
  return text;
}

std::pair<std::string, uint16_t> ParseAddress(std::string_view address) {
  size_t colon = address.rfind(':');
  uint16_t port = 0;
  if (colon == std::string_view::npos) Refuse("address " + std::string(address) + ": no port");
  std::string_view digits = address.substr(colon + 1);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    Refuse("address " + std::string(address) + ": the port is no number from 0 to 65535");
  }
  std::string host(address.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) host = "0.0.0.0";
  if (host == "localhost") host = "127.0.0.1";
  return {host, port};
}

Site MakeSite(const Config& config, uint16_t port) {
  Site site;
  std::string host = config.listen.substr(0, config.listen.rfind(':'));
  if (host.empty() || host == "0.0.0.0" || host == "[::]") host = "localhost";
  site.base_url =
      config.base_url.empty() ? "http://" + host + ":" + std::to_string(port) : config.base_url;
  while (site.base_url.ends_with('/')) site.base_url.pop_back();
  size_t scheme = site.base_url.find("://");
  if (scheme == std::string::npos || !site.base_url.starts_with("http")) {
    Refuse("setting base_url: an http or https URL is needed");
  }
  site.domain = site.base_url.substr(scheme + 3);
  if (site.domain.empty() || site.domain.find('/') != std::string::npos) {
    Refuse("setting base_url: scheme, host and port only");
  }
  site.title = config.title;
  site.description = config.description;
  site.contact_email = config.contact_email;
  site.version = "4.3.0+stampede-" + std::string(kVersion);
  site.languages = Split(config.languages, ',');
  site.rules = Split(config.rules, '\n');
  site.status_chars_max = static_cast<int>(config.status_chars_max);
  if (config.registrations == "open")
    site.registrations = Registrations::kOpen;
  else if (config.registrations == "approval")
    site.registrations = Registrations::kApproval;
  else if (config.registrations == "closed")
    site.registrations = Registrations::kClosed;
  else
    Refuse("setting registrations: open, approval or closed");
  return site;
}

net::ServerOptions MakeServerOptions(const Config& config) {
  auto [host, port] = ParseAddress(config.listen);
  net::ServerOptions options;
  options.host = host;
  options.port = port;
  options.io_threads = static_cast<int>(config.io_threads);
  options.workers = static_cast<int>(config.workers);
  // With the store in the process, handlers compute; with a database they wait for it.
  constexpr int kPerProcessor = 2;
  options.workers_preferred =
      config.database.empty()
          ? kPerProcessor * static_cast<int>(std::thread::hardware_concurrency())
          : options.workers;
  options.connections_max = static_cast<size_t>(config.connections_max);
  options.trusted_proxies = Split(config.trusted_proxies, ',');
  options.header_timeout_ms = static_cast<int>(config.header_timeout_ms);
  options.body_timeout_ms = static_cast<int>(config.body_timeout_ms);
  options.idle_timeout_ms = static_cast<int>(config.idle_timeout_ms);
  options.request_deadline_ms = static_cast<int>(config.request_deadline_ms);
  return options;
}

}  // namespace stampede::app

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "features/instance/site.h"
#include "net/server.h"

namespace stampede::app {

// Everything an operator can set. Filled by LoadConfig.
struct Config {
  std::string data = "./data";
  std::string database;  // empty: the embedded store
  std::string database_replica;
  std::string events;  // empty: in the process
  std::string listen = "127.0.0.1:8080";
  std::string base_url;  // empty: http:// and the address listened on
  std::string metrics_listen = "127.0.0.1:0";
  std::string title = "Stampede";
  std::string description = "A social server that starts in a minute.";
  std::string contact_email;
  std::string languages = "en";
  std::string registrations = "approval";
  std::string rules;
  std::string trusted_proxies = "127.0.0.1,::1";
  std::string log_level = "info";
  std::string log_format = "logfmt";
  int64_t database_pool = 16;
  int64_t events_replicas = 1;
  int64_t events_mb = 256;
  int64_t status_chars_max = 500;
  int64_t workers = 32;
  int64_t io_threads = 1;
  int64_t connections_max = 10'000;
  int64_t header_timeout_ms = limits::kHeaderTimeoutMs;
  int64_t body_timeout_ms = limits::kBodyTimeoutMs;
  int64_t idle_timeout_ms = limits::kIdleTimeoutMs;
  int64_t request_deadline_ms = limits::kRequestDeadlineMs;
  int64_t record_cache_mb = 64;
  int64_t block_cache_mb = 32;
  int64_t write_buffer_mb = 8;
  int64_t feeds_mb = 128;
  int64_t rate_limit_percent = 100;
  int64_t drain_ms = 0;
  int64_t job_lease_ms = limits::kJobLeaseMs;

  // What most of the memory is for.
  int64_t caches_mb() const { return record_cache_mb + block_cache_mb + feeds_mb; }
};

// One setting as the table knows it: `name` in the file, STAMPEDE_NAME in the environment.
struct Setting {
  std::string_view name;
  std::string_view unit;  // empty for texts
  std::string Config::* text = nullptr;
  int64_t Config::* number = nullptr;
  int64_t min = 0;
  int64_t max = 0;
  std::string_view description;
};

std::span<const Setting> AllSettings();

// Throws std::invalid_argument with a clear text for an unknown name or a value out of bounds.
void Set(Config& config, std::string_view name, std::string_view value);
// Defaults, then the TOML file (if `file` is not empty), then the environment. Throws
// std::invalid_argument as above, also for a file that cannot be read.
Config LoadConfig(const std::string& file);
// The settings as a Markdown table: docs/settings.md.
std::string DescribeSettings();

Site MakeSite(const Config& config, uint16_t port);
net::ServerOptions MakeServerOptions(const Config& config);
// "HOST:PORT", "[v6]:PORT" or ":PORT". Throws std::invalid_argument.
std::pair<std::string, uint16_t> ParseAddress(std::string_view address);

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace stampede::app

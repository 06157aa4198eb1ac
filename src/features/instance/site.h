#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stampede {

enum class Registrations : uint8_t { kOpen, kApproval, kClosed };

// Who this server is: settings that many rooms read and nobody changes while it runs.
struct Site {
  std::string base_url;  // exactly what browsers use: scheme, host, port; no trailing slash
  std::string domain;    // the part after the @ of handles
  std::string title = "Stampede";
  std::string description;
  std::string contact_email;
  std::string version;  // as clients read it: "4.3.0+stampede-0.1.0"
  std::vector<std::string> languages = {"en"};
  Registrations registrations = Registrations::kApproval;
  std::vector<std::string> rules;
  int status_chars_max = 500;
};

}  // namespace stampede

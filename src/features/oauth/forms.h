#pragma once

#include <string>
#include <string_view>

// Pieces of forms, escaped. Thread-safe.
namespace stampede::oauth {

struct Input {
  std::string_view name;
  std::string_view label;
  std::string_view type = "text";
  std::string_view autocomplete = {};
  std::string_view value = {};
  std::string_view hint = {};
  bool required = true;
};

std::string HiddenHtml(std::string_view name, std::string_view value);
std::string InputHtml(const Input& input);
// Empty for an empty text.
std::string ProblemHtml(std::string_view text);

}  // namespace stampede::oauth

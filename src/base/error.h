#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stampede {

// Why a request was refused, as its caller can react to it. One code per HTTP answer; the mapping
// is net/reply.cc. Mastodon's use of each: docs.joinmastodon.org/api/guidelines and entities/Error.
enum class ErrorCode {
  kBadRequest,        // 400: malformed, or a required parameter is missing
  kUnauthorized,      // 401: token missing, invalid or revoked
  kForbidden,         // 403: not allowed to this caller
  kNotFound,          // 404: absent, or not visible to this caller
  kMethodNotAllowed,  // 405
  kRequestTimeout,    // 408: the request did not arrive in time
  kConflict,          // 409: somebody else wrote first
  kGone,              // 410: permanently removed
  kTooLarge,          // 413: body or header over the limit
  kUnsupportedMedia,  // 415
  kInvalid,           // 422: understood, but fails validation
  kTooManyRequests,   // 429
  kInternal,          // 500: our fault
  kUnavailable,       // 503: overloaded or a dependency is down; retry later
};

// The one exception type for a refusal that the caller of the API must see. Anything else that is
// thrown is a bug or a fault, answered with 500 and logged with its cause.
class Error : public std::exception {
 public:
  // One failed field of a form, as Mastodon's `details` shows it: code is ERR_BLANK, ERR_TAKEN ….
  struct FieldProblem {
    std::string field;
    std::string code;
    std::string description;
  };

  // `public_text` is shown to the caller, `detail` only to the log.
  explicit Error(ErrorCode code, std::string public_text, std::string detail = {})
      : code_(code), public_text_(std::move(public_text)), detail_(std::move(detail)) {}

  static Error NotFound() { return Error(ErrorCode::kNotFound, "Record not found"); }
  static Error Invalid(std::string text) {
    return Error(ErrorCode::kInvalid, "Validation failed: " + std::move(text));
  }
  static Error Forbidden() { return Error(ErrorCode::kForbidden, "This action is not allowed"); }

  ErrorCode code() const { return code_; }
  const std::string& public_text() const { return public_text_; }
  const std::string& detail() const { return detail_; }
  const char* what() const noexcept override { return public_text_.c_str(); }

  // OAuth's `error` word (invalid_grant …); public_text is then its `error_description`.
  Error& WithOAuth(std::string word) {
    oauth_ = std::move(word);
    return *this;
  }
  const std::string& oauth() const { return oauth_; }
  Error& WithField(FieldProblem problem) {
    fields_.push_back(std::move(problem));
    return *this;
  }
  const std::vector<FieldProblem>& fields() const { return fields_; }
  Error& WithRetryAfter(int seconds) {
    retry_after_s_ = seconds;
    return *this;
  }
  int retry_after_s() const { return retry_after_s_; }

 private:
  ErrorCode code_;
  std::string public_text_;
  std::string detail_;
  std::string oauth_;
  std::vector<FieldProblem> fields_;
  int retry_after_s_ = 0;
};

}  // namespace stampede

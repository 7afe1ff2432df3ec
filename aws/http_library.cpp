#include "aws/http_library.hpp"

#include "aws/late_library.hpp"

namespace sluice::aws {

result<CurlLibrary> load_curl(const std::string& file) {
  LateLibrary library(file, "libcurl4");
  CurlLibrary curl;
  library.find("curl_global_init", curl.global_init);
  library.find("curl_global_cleanup", curl.global_cleanup);
  library.find("curl_easy_init", curl.easy_init);
  library.find("curl_easy_setopt", curl.easy_setopt);
  library.find("curl_easy_perform", curl.easy_perform);
  library.find("curl_easy_getinfo", curl.easy_getinfo);
  library.find("curl_easy_reset", curl.easy_reset);
  library.find("curl_easy_cleanup", curl.easy_cleanup);
  library.find("curl_easy_strerror", curl.easy_strerror);
  library.find("curl_slist_append", curl.slist_append);
  library.find("curl_slist_free_all", curl.slist_free_all);
  if (!library.trouble().empty()) return Error{Error::Kind::network, 0, {}, library.trouble(), {}};
  return curl;
}

}  // namespace sluice::aws

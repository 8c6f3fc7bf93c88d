#include "tests/process/harness/curl.hpp"

#include "tests/process/harness/tool.hpp"

#include <algorithm>
#include <filesystem>

namespace shunt::test {

curl::curl(const router& of, std::vector<std::string> options) : of_{of}, options_{std::move(options)} {
}

curl_answer curl::get(const std::string& host, const std::vector<std::string>& more, const std::string& path) const {
  return ask("http://" + host + path, of_.port(), more);
}

curl_answer curl::get_tls(const std::string& host, const std::vector<std::string>& more,
                          const std::string& path) const {
  return ask("https://" + host + path, of_.tls_port(), more);
}

curl_answer curl::ask(const std::string& url, std::uint16_t port, const std::vector<std::string>& more) const {
  const auto head = files_.path_of("head"), body = files_.path_of("body");
  for (const auto& each : {head, body})
    std::filesystem::remove(each);
  std::vector<std::string> argv{"curl", "-sS", "--noproxy", "*", "--max-time", "25", "--path-as-is", "-D", head, "-o",
                                body, "--connect-to", "::127.0.0.1:" + std::to_string(port)};
  const bool checks = std::find(options_.begin(), options_.end(), "--cacert") != options_.end();
  if (!checks)
    argv.push_back("-k");
  argv.insert(argv.end(), options_.begin(), options_.end());
  argv.insert(argv.end(), more.begin(), more.end());
  argv.push_back(url);
  const auto ran = run_tool(argv);
  curl_answer answer;
  if (auto heads = read_file(head); !heads.empty()) {
    if (const auto last = heads.rfind("\r\n\r\nHTTP/"); last != heads.npos) // Interim ones come before it.
      heads.erase(0, last + 4);
    if (heads.starts_with("HTTP/2 "))
      heads.replace(0, 6, "HTTP/1.1");
    static_cast<http_response&>(answer) = parse_response_head(heads, "GET");
    answer.body = read_file(body);
  }
  answer.exit_code = ran.exit_code;
  answer.said = ran.output;
  return answer;
}

} // namespace shunt::test

// write_reports FOLDER: the example diagnoses as files, for the tests that open them with other programs.
#include <fstream>
#include <iostream>

#include "analysis/report/html_report.h"
#include "analysis/report/text_report.h"
#include "example_diagnoses.h"

int main(int argc, char** argv) {
  using namespace kilter::analysis;
  if (argc != 2) {
    std::cerr << "usage: write_reports FOLDER\n";
    return 2;
  }
  const std::string folder = argv[1];
  auto examples = example_diagnoses();
  examples.push_back({"long", long_diagnosis(512)});
  examples.push_back(
      {"hostile", hostile_diagnosis("</script><script>alert(1)</script><img src=x onerror=alert(2)>"
                                    "<!-- <script> \" ' & {{data}} {{text}} \x1b[31m \xff")});
  for (const ExampleDiagnosis& e : examples) {
    std::ofstream(folder + "/" + e.name + ".html") << diagnosis_html(e.diagnosis);
    std::ofstream(folder + "/" + e.name + ".txt") << diagnosis_text(e.diagnosis, {});
  }
  std::ofstream(folder + "/every_value.txt") << diagnosis_text(examples[0].diagnosis, {.every_value = true});
  return 0;
}

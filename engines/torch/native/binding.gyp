{
  "variables": {
    "torch_include%": "",
    "torch_lib%": "",
    "torch_libs%": "-ltorch -ltorch_cpu -lc10",
    "torch_abi%": "1",
    "sanitize%": ""
  },
  "targets": [
    {
      "target_name": "rampart_torch",
      "sources": [
        "addon.cc", "memory.cc", "slots.cc", "elementwise.cc", "reduce.cc", "shape.cc", "indexing.cc", "window.cc",
        "conv.cc", "pool.cc", "linear.cc", "image.cc", "fused.cc", "hyperplane.cc", "ascent.cc", "graph.cc", "training.cc",
        "convolve.cc", "normalize.cc",
        "winograd.cc", "winograd_avx2.cc", "winograd_avx512.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")", "<@(torch_include)"],
      "defines": ["NAPI_CPP_EXCEPTIONS", "_GLIBCXX_USE_CXX11_ABI=<(torch_abi)"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20", "-O3"],
      "cflags!": ["-O3", "-fno-omit-frame-pointer"],
      "cflags_cc": ["-std=c++17", "-fexceptions", "-frtti", "-O2", "-fopenmp", "-fno-trapping-math", "-Wno-deprecated-declarations", "-Wno-unused-parameter"],
      "ldflags": ["-fopenmp"],
      "libraries": ["-L<(torch_lib)", "-Wl,--no-as-needed <(torch_libs)", "-Wl,-rpath,<(torch_lib)"],
      "conditions": [
        ["sanitize!=''", {
          "cflags_cc": ["-fsanitize=<(sanitize)", "-fno-omit-frame-pointer", "-g"],
          "ldflags": ["-fsanitize=<(sanitize)"]
        }]
      ]
    }
  ]
}

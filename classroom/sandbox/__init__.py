"""The security boundary between students' code and everything else, and nothing else.

`SECURITY.md` says what it covers. Nothing here imports another part of the classroom;
this file, `wire` and `inside` are there in the sandbox, too.

| | |
|---|---|
| `limits` | what a submission may take |
| `bubblewrap`, `seccomp`, `cgroups` | what the kernel is asked to isolate and to limit |
| `process`, `monitor` | a Python in it: started, asked, watched, ended |
| `inside` | what runs there |
| `wire`, `remote`, `outputs` | what comes out: data, objects, what cells show |
"""

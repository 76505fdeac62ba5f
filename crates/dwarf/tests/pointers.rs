//! Sizes of pointers, and casts between them, in gdb. The machine that gdb sees has pointers of 8 bytes, and the
//! program has pointers of 4.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use common::{compile, gdb, verify, write_image};

/// Commands with what gdb says to them in C and C++ alike.
const ANSWERS: &[(&str, &str)] = &[
    ("output sizeof(void *)", "4"),
    ("output sizeof(char *)", "4"),
    ("output sizeof(const char **)", "4"),
    ("output sizeof(void **)", "4"),
    ("output sizeof(&number)", "4"),
    ("output sizeof(&where)", "4"),
    ("output sizeof(&names)", "4"),
    ("output sizeof(word *)", "4"),
    ("output sizeof(number)", "4"),
    ("output (void *) text", "(void *) <text>"),
    ("output (void *) where", "(void *) <points>"),
    ("output (const void *) where", "(const void *) <points>"),
    ("output *(char *) where", "4 '\\004'"),
    ("output *(word *) where", "772"),
    ("output *(byte *) behind", "3 '\\003'"),
    ("output (byte *) text", "(byte *) <text> \"pointer\""),
    ("output ((char *) &number == (char *) (int) &number) + 0", "1"),
    ("output ((word *) &last == (word *) (void *) &last) + 0", "1"),
    ("output *(const char **) &names[1]", "<text+3> \"nter\""),
    ("output *(struct point *) (void *) behind", "{x = 3, y = 4}"),
    ("output *(struct point *) (int) where", "{x = 16909060, y = 2}"),
    ("output (int) behind - (int) where", "8"),
    ("output where + 1", "(point *) <points+8>"),
    ("output behind - where", "1"),
    ("output (char *) behind - (char *) where", "8"),
    ("output (&points[1] == behind) + 0", "1"),
    ("output quad", "-1.5"),
    ("output quad * 2", "-3"),
    ("whatis quad", "type = long double\n"),
    ("whatis &quad", "type = long double *\n"),
    ("whatis (void (*)(void)) 0", "type = void (*)(void)\n"),
    ("whatis main", "type = int (void)\n"),
    ("output (void) 0", "void"),
];

#[test]
fn pointers_have_the_size_that_they_have_in_the_program() {
    let directory = tempfile::tempdir().unwrap();
    for flags in [["-O0", "-g", "-xc"], ["-O0", "-g", "-xc++"]] {
        let module = compile(directory.path(), "pointers.c", &flags);
        let (image, _) = write_image(directory.path(), &module, None);
        let mut commands = vec!["list main".to_owned()];
        for (command, _) in ANSWERS {
            commands.extend([format!("echo >>> {command}:"), (*command).to_owned(), "echo \\n".to_owned()]);
        }
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        let output = gdb(&image, &commands).replace("During symbol reading: invalid pointer size 4\n", "");
        for (command, expected) in ANSWERS {
            let (_, answer) = output.split_once(&format!(">>> {command}:")).unwrap();
            let answer = answer.split(">>> ").next().unwrap().replace("struct point *)", "point *)");
            // Addresses depend on the compiler, and the names of what is there do not.
            let words = answer.split(' ').filter(|word| !word.starts_with("0x"));
            let answer = words.collect::<Vec<_>>().join(" ");
            assert_eq!(answer.trim_end(), expected.trim_end(), "{flags:?} {command}");
        }
        assert!(!output.contains("During symbol reading"), "{output}");
        let types = gdb(&image, &["info types"]);
        let (_, types) = types.split_once("pointers.c:\n").unwrap();
        let types = types.split("\nFile ").next().unwrap();
        assert!(types.contains("point;"), "{types}");
        assert!(!types.contains("union"), "what the image adds stays hidden: {types}");
        assert_eq!(verify(&image), "");
    }
}

use super::{Kind, tokens};
use crate::drill::ast::Position;
use crate::drill::error::Mistake;

fn kinds(text: &str) -> Vec<Kind> {
    tokens(text)
        .expect(text)
        .into_iter()
        .map(|it| it.kind)
        .filter(|it| *it != Kind::End)
        .collect()
}

fn word(text: &str) -> Kind {
    Kind::Word(text.to_owned())
}

fn integer(text: &str) -> Kind {
    Kind::Integer(text.to_owned())
}

fn decimal(text: &str) -> Kind {
    Kind::Decimal(text.to_owned())
}

#[test]
fn points_are_decimal_only_between_digits() {
    assert_eq!(
        kinds("0...0.3"),
        [integer("0"), Kind::Ellipsis, decimal("0.3")]
    );
    assert_eq!(kinds("+.1"), [Kind::Sign('+'), decimal(".1")]);
    assert_eq!(
        kinds("P. 1:1"),
        [
            word("P"),
            Kind::Sign('.'),
            integer("1"),
            Kind::Sign(':'),
            integer("1")
        ]
    );
    assert_eq!(
        kinds("0.1...0.25"),
        [decimal("0.1"), Kind::Ellipsis, decimal("0.25")]
    );
}

#[test]
fn comments_of_all_kinds_are_skipped() {
    assert_eq!(
        kinds("a // b\n/* c\n ** / */ d # e\nf"),
        [word("a"), word("d"), word("f")]
    );
}

#[test]
fn options_take_their_value_up_to_a_blank() {
    let option = |name: &str, value: &str| Kind::Option {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    assert_eq!(
        kinds("--local_ip=2001:db8::1 --verbose --define X=\"a b\" --define=Y=2"),
        [
            option("local_ip", "2001:db8::1"),
            option("verbose", ""),
            option("define", "X=a b"),
            option("define", "Y=2"),
        ]
    );
}

#[test]
fn texts_have_the_escapes_of_c() {
    assert_eq!(
        kinds(r#""a\n\x00\"b\\""#),
        [Kind::Text(b"a\n\0\"b\\".to_vec())]
    );
}

#[test]
fn places_count_lines_and_characters() {
    let tokens = tokens("ä b\n  c").expect("is right");
    let places: Vec<Position> = tokens.iter().map(|it| it.position).collect();
    let at = |line, column| Position { line, column };
    assert_eq!(places, [at(1, 1), at(1, 3), at(2, 3), at(2, 4)]);
}

#[test]
fn what_never_ends_is_told_where_it_begins() {
    for (text, what) in [
        ("a /* b", "the comment"),
        ("a \"b", "the text"),
        ("a `b", "the command"),
        ("a %{ b", "the block of assertions"),
    ] {
        let (position, mistake) = tokens(text).expect_err(text);
        assert_eq!(position, Position { line: 1, column: 3 });
        assert_eq!(mistake, Mistake::NoEnd(what));
    }
}

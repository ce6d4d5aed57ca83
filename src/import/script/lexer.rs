//! Words and operators of a shell script: quotes, variables, substitutions.

/// The parts of a word.
pub type Word = Vec<Piece>;

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Piece {
    Text(String),
    /// The name, with what follows it in braces: `SHA::7`.
    Variable(String),
    /// All items of the list in `${NAME[@]}`.
    AllOf(String),
    /// The command in `$(…)`, whose output it stands for.
    Output(String),
}

/// Where the expressions of a workflow were: private-use characters, so that what is in
/// them is not read as shell.
const FIRST_MASK: u32 = 0xE000;
const LAST_MASK: u32 = 0xF8FF;

/// The script with a character in place of each `${{ }}`, and what they stand for.
pub fn mask(script: &str) -> (String, Vec<String>) {
    let mut masked = String::new();
    let mut expressions = Vec::new();
    let mut rest = script;
    while let Some(at) = rest.find("${{") {
        let Some(length) = rest[at..].find("}}") else { break };
        let Some(mask) = u32::try_from(expressions.len())
            .ok()
            .and_then(|at| char::from_u32(FIRST_MASK + at))
            .filter(|mask| u32::from(*mask) <= LAST_MASK)
        else {
            break;
        };
        masked.push_str(&rest[..at]);
        masked.push(mask);
        expressions.push(rest[at..at + length + 2].to_owned());
        rest = &rest[at + length + 2..];
    }
    masked.push_str(rest);
    (masked, expressions)
}

/// The expressions in place of their characters.
pub fn unmask(text: &str, expressions: &[String]) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        let at = u32::from(letter).checked_sub(FIRST_MASK).and_then(|at| usize::try_from(at).ok());
        match at.and_then(|at| expressions.get(at)) {
            Some(expression) => out.push_str(expression),
            None => out.push(letter),
        }
    }
    out
}

/// The words of a text with expressions, which stay whole.
pub fn masked_words(text: &str) -> Vec<String> {
    let (masked, expressions) = mask(text);
    words(&masked).iter().map(|word| unmask(word, &expressions)).collect()
}

/// The words of one line.
pub fn words(line: &str) -> Vec<String> {
    let text = |word: &Word| -> String {
        let pieces = word.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Variable(name) => format!("${{{name}}}"),
            Piece::AllOf(name) => format!("${{{name}[@]}}"),
            Piece::Output(command) => format!("$({command})"),
        });
        pieces.collect()
    };
    Lexer::new(line)
        .tokens()
        .iter()
        .filter_map(|token| match token {
            Token::Word(word) => Some(text(word)),
            Token::Operator(_) => None,
        })
        .collect()
}

pub fn shown(word: &Word) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Variable(name) | Piece::AllOf(name) | Piece::Output(name) => format!("${name}"),
    };
    word.iter().map(piece).collect()
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Token {
    Word(Word),
    Operator(String),
}

/// What parts words. Other white space, such as a no-break space, is a part of a word.
fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r')
}

pub struct Lexer {
    letters: Vec<(usize, char)>,
    at: usize,
    open: bool,
    documents: Vec<String>,
    operators: Vec<(usize, String)>,
}

impl Lexer {
    pub fn new(text: &str) -> Self {
        Self {
            letters: text.char_indices().collect(),
            at: 0,
            open: false,
            documents: Vec::new(),
            operators: Vec::new(),
        }
    }

    pub fn words(self) -> Vec<Word> {
        let word = |token| match token {
            Token::Word(word) => Some(word),
            Token::Operator(_) => None,
        };
        self.tokens().into_iter().filter_map(word).collect()
    }

    pub fn operators(mut self) -> Vec<(usize, String)> {
        self.run();
        self.operators
    }

    pub fn tokens(mut self) -> Vec<Token> {
        self.run()
    }

    /// Whether a quote or a parenthesis is open at the end, and the ends of here-documents.
    pub fn what_is_open(mut self) -> (bool, Vec<String>) {
        let tokens = self.run();
        let waits = matches!(tokens.last(), Some(Token::Operator(last)) if ["|", "&&", "||"].contains(&last.as_str()));
        (self.open || waits, self.documents)
    }

    fn peek(&self, offset: usize) -> Option<char> {
        self.letters.get(self.at + offset).map(|(_, letter)| *letter)
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek(0)?;
        self.at += 1;
        Some(letter)
    }

    fn run(&mut self) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut depth = 0_usize;
        while let Some(letter) = self.peek(0) {
            match letter {
                _ if is_blank(letter) => self.at += 1,
                '#' => {
                    while self.peek(0).is_some_and(|letter| letter != '\n') {
                        self.at += 1;
                    }
                }
                '(' | ')' => {
                    self.at += 1;
                    depth = if letter == '(' { depth + 1 } else { depth.saturating_sub(1) };
                    tokens.push(Token::Operator(letter.to_string()));
                }
                _ if self.is_operator() => {
                    let operator = self.operator();
                    tokens.push(Token::Operator(operator));
                }
                _ => {
                    let word = self.word();
                    // `NAME=(` opens a list.
                    if self.peek(0) == Some('(') && word_ends_with_equals(&word) {
                        self.at += 1;
                        depth += 1;
                    }
                    tokens.push(Token::Word(word));
                }
            }
        }
        self.open |= depth > 0;
        tokens
    }

    fn is_operator(&self) -> bool {
        match self.peek(0) {
            Some(';' | '&' | '|' | '>' | '<') => true,
            Some('1' | '2') => self.peek(1) == Some('>'),
            _ => false,
        }
    }

    fn operator(&mut self) -> String {
        let start = self.letters[self.at].0;
        let mut operator = String::new();
        let all = [
            "2>&1", "1>&2", ">&2", "&>>", "<<<", "<<-", ";;", "&&", "||", ">>", "<<", "&>", "2>>",
            "1>>", "2>", "1>",
        ];
        let rest: String =
            self.letters[self.at..].iter().take(4).map(|(_, letter)| *letter).collect();
        let known = all.iter().find(|operator| rest.starts_with(*operator));
        let length = known.map_or(1, |operator| operator.chars().count());
        for _ in 0..length {
            operator.extend(self.next());
        }
        if ["<<", "<<-"].contains(&operator.as_str()) {
            while self.peek(0) == Some(' ') {
                self.at += 1;
            }
            let end = shown(&self.word());
            self.documents.push(end);
        }
        self.operators.push((start, operator.clone()));
        operator
    }

    fn word(&mut self) -> Word {
        let mut pieces = Pieces::default();
        while let Some(letter) = self.peek(0) {
            if is_blank(letter) || "();&|<>".contains(letter) {
                break;
            }
            self.at += 1;
            match letter {
                '\'' => self.single_quoted(&mut pieces),
                '"' => self.double_quoted(&mut pieces),
                '\\' => pieces.text.extend(self.next()),
                '$' => self.dollar(&mut pieces),
                '`' => self.backquoted(&mut pieces),
                other => pieces.text.push(other),
            }
        }
        pieces.finish()
    }

    fn single_quoted(&mut self, pieces: &mut Pieces) {
        pieces.quoted = true;
        loop {
            match self.next() {
                Some('\'') => return,
                Some(letter) => pieces.text.push(letter),
                None => {
                    self.open = true;
                    return;
                }
            }
        }
    }

    fn double_quoted(&mut self, pieces: &mut Pieces) {
        pieces.quoted = true;
        loop {
            match self.next() {
                Some('"') => return,
                Some('\\') => {
                    let next = self.next();
                    if !next.is_some_and(|next| "\"\\$`\n".contains(next)) {
                        pieces.text.push('\\');
                    }
                    pieces.text.extend(next.filter(|next| *next != '\n'));
                }
                Some('$') => self.dollar(pieces),
                Some('`') => self.backquoted(pieces),
                Some(letter) => pieces.text.push(letter),
                None => {
                    self.open = true;
                    return;
                }
            }
        }
    }

    fn dollar(&mut self, pieces: &mut Pieces) {
        match self.peek(0) {
            Some('{') => {
                self.at += 1;
                let inner = self.until('}');
                match inner.strip_suffix("[@]").or_else(|| inner.strip_suffix("[*]")) {
                    Some(name) => pieces.push(Piece::AllOf(name.to_owned())),
                    None => pieces.push(Piece::Variable(inner)),
                }
            }
            Some('(') => {
                self.at += 1;
                let command = self.until(')');
                pieces.push(Piece::Output(command));
            }
            Some(letter) if letter.is_ascii_alphabetic() || letter == '_' => {
                let mut name = String::new();
                while let Some(letter) =
                    self.peek(0).filter(|it| it.is_ascii_alphanumeric() || *it == '_')
                {
                    name.push(letter);
                    self.at += 1;
                }
                pieces.push(Piece::Variable(name));
            }
            Some(letter) if letter.is_ascii_digit() || "@*#?!$".contains(letter) => {
                self.at += 1;
                pieces.push(Piece::Variable(letter.to_string()));
            }
            _ => pieces.text.push('$'),
        }
    }

    fn backquoted(&mut self, pieces: &mut Pieces) {
        let command = self.until('`');
        pieces.push(Piece::Output(command));
    }

    /// What stands before the bracket that closes, over inner ones and quotes.
    fn until(&mut self, close: char) -> String {
        let opener = match close {
            ')' => Some('('),
            '}' => Some('{'),
            _ => None,
        };
        let (mut depth, mut quote) = (0_usize, None);
        let mut inner = String::new();
        while let Some(letter) = self.next() {
            match quote {
                Some(open) if letter == open => quote = None,
                None if letter == '\'' || letter == '"' => quote = Some(letter),
                None if Some(letter) == opener => depth += 1,
                None if letter == close && depth == 0 => return inner,
                None if letter == close => depth -= 1,
                Some(_) | None => {}
            }
            inner.push(letter);
        }
        self.open = true;
        inner
    }
}

fn word_ends_with_equals(word: &Word) -> bool {
    matches!(word.last(), Some(Piece::Text(text)) if text.ends_with('='))
}

#[derive(Default)]
struct Pieces {
    done: Word,
    text: String,
    quoted: bool,
}

impl Pieces {
    fn push(&mut self, piece: Piece) {
        if !self.text.is_empty() {
            self.done.push(Piece::Text(std::mem::take(&mut self.text)));
        }
        self.done.push(piece);
    }

    fn finish(mut self) -> Word {
        if !self.text.is_empty() || self.done.is_empty() {
            self.done.push(Piece::Text(self.text));
        }
        self.done
    }
}

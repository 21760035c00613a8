use serde_json::Value;

use super::lexer::{Token, tokens};
use super::{Expression, ExpressionError, MAX_CHARACTERS, MAX_DEPTH, Operand, Operator};

/// Reads an expression. Whether its variables exist and its types fit is asked afterwards, with `Expression::check`.
pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
    let length = text.chars().count();
    if length > MAX_CHARACTERS {
        return Err(ExpressionError {
            message: format!("the expression has {length} characters; at most {MAX_CHARACTERS} are allowed"),
            at: MAX_CHARACTERS,
        });
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, end: length, depth: 0 };
    let expression = parser.any()?;
    match parser.peek() {
        None => Ok(expression),
        Some(_) => Err(parser.error("`and`, `or` or the end of the expression is expected here")),
    }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    next: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(token, _)| token)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.next += 1;
        token
    }

    /// Takes the token if it is this one.
    fn skip(&mut self, token: &Token) -> bool {
        let is_it = self.peek() == Some(token);
        if is_it {
            self.next += 1;
        }
        is_it
    }

    /// An error at the next token, or at the end.
    fn error(&self, message: &str) -> ExpressionError {
        ExpressionError { message: message.into(), at: self.tokens.get(self.next).map_or(self.end, |(_, at)| *at) }
    }

    fn any(&mut self) -> Result<Expression, ExpressionError> {
        let mut parts = vec![self.all()?];
        while self.skip(&Token::Or) {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, ExpressionError> {
        let mut parts = vec![self.one()?];
        while self.skip(&Token::And) {
            parts.push(self.one()?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn one(&mut self) -> Result<Expression, ExpressionError> {
        match self.peek() {
            Some(Token::Not) => self.deeper(|parser| Ok(Expression::Not(Box::new(parser.one()?)))),
            Some(Token::Open) => self.deeper(|parser| {
                let inside = parser.any()?;
                if parser.skip(&Token::Close) { Ok(inside) } else { Err(parser.error("`)` is expected here")) }
            }),
            Some(Token::Exists) => {
                self.next += 1;
                match self.peek().cloned() {
                    Some(Token::Name(name)) => {
                        self.next += 1;
                        Ok(Expression::Exists(name))
                    }
                    _ => Err(self.error("the name of a variable is expected after `exists`")),
                }
            }
            _ => self.comparison(),
        }
    }

    /// Takes one token (`not` or `(`) and reads what it holds, one level down.
    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Result<Expression, ExpressionError>) -> Result<Expression, ExpressionError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(&format!("parentheses and `not` nest at most {MAX_DEPTH} deep")));
        }
        self.next += 1;
        self.depth += 1;
        let expression = read(self);
        self.depth -= 1;
        expression
    }

    fn comparison(&mut self) -> Result<Expression, ExpressionError> {
        let start = self.next;
        let left = self.operand("a variable, a value, `not`, `exists` or `(` is expected here")?;
        match (left, self.peek()) {
            (left, Some(Token::Operator(operator))) => {
                let operator = *operator;
                self.next += 1;
                let right = self.operand("a variable or a value is expected after the operator")?;
                if matches!((&left, &right), (Operand::Literal(_), Operand::Literal(_))) {
                    self.next = start;
                    return Err(self.error("two values are compared with each other; one side must be a variable"));
                }
                Ok(Expression::Comparison { left, operator, right })
            }
            (Operand::Variable(variable), Some(Token::In)) => {
                self.next += 1;
                Ok(Expression::In { variable, list: self.list()? })
            }
            (left @ Operand::Variable(_), _) => {
                Ok(Expression::Comparison { left, operator: Operator::Equal, right: Operand::Literal(true.into()) })
            }
            (Operand::Literal(_), _) => {
                self.next = start;
                Err(self.error("a value alone is no question; compare it with a variable"))
            }
        }
    }

    fn operand(&mut self, expected: &str) -> Result<Operand, ExpressionError> {
        match self.take() {
            Some(Token::Name(name)) => Ok(Operand::Variable(name)),
            Some(Token::Literal(value)) => Ok(Operand::Literal(value)),
            _ => {
                self.next -= 1;
                Err(self.error(expected))
            }
        }
    }

    fn list(&mut self) -> Result<Vec<Value>, ExpressionError> {
        if !self.skip(&Token::OpenList) {
            return Err(self.error("a list such as ['a', 'b'] is expected after `in`"));
        }
        let mut list = Vec::new();
        loop {
            match self.operand("a value is expected in the list")? {
                Operand::Literal(value) => list.push(value),
                Operand::Variable(_) => {
                    self.next -= 1;
                    return Err(self.error("a list holds values, no variables; a text needs quotes"));
                }
            }
            if self.skip(&Token::CloseList) {
                return Ok(list);
            }
            if !self.skip(&Token::Comma) {
                return Err(self.error("`,` or `]` is expected here"));
            }
        }
    }
}

/// A single part stands for itself.
fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}
